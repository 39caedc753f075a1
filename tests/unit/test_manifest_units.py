"""Durations and sizes: what is written is what is read."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.manifest.problems import RefusedValueError
from worker.manifest.units import format_duration, format_size, parse_duration, parse_size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0s", 0),
        ("90s", 90),
        ("15m", 900),
        ("2h", 7_200),
        ("4d", 345_600),
        ("1h30m", 5_400),
        ("1d1h1m1s", 90_061),
    ],
)
def test_reads_a_duration(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@given(st.integers(min_value=0, max_value=10**9).map(lambda s: timedelta(seconds=s)))
def test_a_written_duration_reads_as_itself(duration: timedelta) -> None:
    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize(
    "text",
    ["", "s", "90", "-5s", "1.5h", "1 h", "30m1h", "1m1m", "1h\n", "٣s", "5S", "99999999d", None],
)
def test_refuses_what_is_no_duration(text: object) -> None:
    with pytest.raises(RefusedValueError, match="expected a duration"):
        parse_duration(text)


def test_a_bare_number_is_told_to_take_a_unit() -> None:
    with pytest.raises(RefusedValueError, match=r'with its unit.*"90s"'):
        parse_duration(90)


@pytest.mark.parametrize("duration", [timedelta(seconds=-1), timedelta(milliseconds=1500)])
def test_refuses_a_timedelta_that_is_not_whole_seconds(duration: timedelta) -> None:
    with pytest.raises(RefusedValueError, match="whole seconds"):
        parse_duration(duration)


@pytest.mark.parametrize(
    ("text", "size_bytes"), [("900KiB", 921_600), ("512MiB", 536_870_912), ("2GiB", 2_147_483_648)]
)
def test_reads_a_size(text: str, size_bytes: int) -> None:
    assert parse_size(text) == size_bytes


@given(st.integers(min_value=1, max_value=10**9), st.sampled_from(["KiB", "MiB", "GiB"]))
def test_a_written_size_reads_as_itself(count: int, unit: str) -> None:
    size_bytes = parse_size(f"{count % 999_999 + 1}{unit}")
    assert parse_size(format_size(size_bytes)) == size_bytes


@pytest.mark.parametrize("text", ["", "512", "512MB", "1.5GiB", "MiB", 512, True, None])
def test_refuses_what_is_no_size(text: object) -> None:
    with pytest.raises(RefusedValueError, match="expected a size"):
        parse_size(text)
