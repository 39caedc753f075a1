"""Traces and losses as files: what they hold, how counts are spread, and every way to be wrong."""

import gzip
import math
from pathlib import Path
from random import Random
from statistics import fmean, pstdev

import pytest

from ops.errors import Exit, OpsError
from ops.scaling.backtest.losses import Losses, read_losses
from ops.scaling.backtest.reading import Part, Service, read_trace
from ops.scaling.backtest.trace import trace_of

TWO = Service(2.0)


def written(tmp_path: Path, text: str, name: str = "trace.csv") -> Path:
    path = tmp_path / name
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path


def test_tasks_come_in_the_order_of_their_arrival(tmp_path: Path) -> None:
    trace = read_trace(written(tmp_path, "arrival_s,service_s\n30,5\n10.5,7\n\n20,0\n"))
    assert list(trace.arrivals) == [10.5, 20, 30]
    assert list(trace.services) == [7, 0, 5]
    assert (trace.begins_at, trace.work_seconds, len(trace)) == (0.0, 12.0, 3)


def test_arrivals_that_are_dates_begin_with_the_first(tmp_path: Path) -> None:
    trace = read_trace(written(tmp_path, "arrival_s,service_s\n1700000050,5\n1700000020,1\n"))
    assert trace.begins_at == 1_700_000_020
    assert trace.lasts_seconds == 30


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz"])
@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("minute_utc,count\n2024-01-01 00:00:00,500\n2024-01-01 00:02,3\n", 1_704_067_200.0),
        ("minute_utc,count\n2024-01-01T01:00+01:00,500\n2024-01-01T00:02Z,3\n", 1_704_067_200.0),
        ("minute,count\n7,500\n9,3\n", 420.0),
        ("at_s,count\n60,500\n180,3\n", 60.0),
    ],
)
def test_counts_are_spread_within_their_minute(
    tmp_path: Path, name: str, text: str, begins: float
) -> None:
    path = written(tmp_path, text, name)
    trace = read_trace(path, TWO, seed=3)
    since = [at - begins for at in trace.arrivals]
    assert trace.begins_at == begins
    assert (len(since), since) == (503, sorted(since))
    assert all(0 <= at < 60 for at in since[:500])
    assert all(120 <= at < 180 for at in since[500:])
    assert fmean(since[:500]) == pytest.approx(30, abs=3)
    assert set(trace.services) == {2.0}
    assert trace.missing_minutes == 1
    assert read_trace(path, TWO, seed=3).arrivals == trace.arrivals
    assert read_trace(path, TWO, seed=4).arrivals != trace.arrivals


def test_run_times_that_vary_keep_their_mean_and_their_variation() -> None:
    times = Service(30.0, 1.5).draw(Random(5), 40_000)
    assert fmean(times) == pytest.approx(30, rel=0.03)
    assert pstdev(times) / fmean(times) == pytest.approx(1.5, rel=0.1)


def test_a_part_is_what_comes_within_it(tmp_path: Path) -> None:
    rows = "".join(f"{n},10\n" for n in range(100))
    path = written(tmp_path, f"minute,count\n{rows}")
    trace = read_trace(path, TWO, Part(skip_seconds=600, seconds=1200))
    assert (len(trace), trace.begins_at) == (200, 600)
    assert 600 <= trace.arrivals[0] < trace.arrivals[-1] < 1800
    tasks = written(tmp_path, "arrival_s,service_s\n" + "".join(f"{n},1\n" for n in range(100)))
    trace = read_trace(tasks, part=Part(skip_seconds=20, seconds=30))
    assert (list(trace.arrivals), trace.begins_at) == ([float(n) for n in range(20, 50)], 20)


def test_a_scale_takes_that_share(tmp_path: Path) -> None:
    rows = "".join(f"{n},3\n" for n in range(4000))
    trace = read_trace(written(tmp_path, f"minute,count\n{rows}"), TWO, Part(scale=0.25))
    assert len(trace) == pytest.approx(3000, rel=0.04)
    rows = "".join(f"{n},3\n" for n in range(4000))
    trace = read_trace(written(tmp_path, f"arrival_s,service_s\n{rows}"), part=Part(scale=0.25))
    assert len(trace) == pytest.approx(1000, rel=0.08)


@pytest.mark.parametrize(
    ("text", "line", "expected", "found"),
    [
        ("", 0, "arrival_s,service_s or", "got none: write one of these headers"),
        ("\n\na,b\n", 3, "arrival_s,service_s or", "got 'a,b': write one of these headers"),
        ("a,b\n1,2\n", 1, "arrival_s,service_s or", "a,b"),
        ("minute,counts\n1,2\n", 1, "arrival_s,service_s or", "minute,counts"),
        ("arrival_s,service_s\n", 1, "at least one task", "none"),
        ("arrival_s,service_s\n1,0\n", 2, "at least one task that takes time", "none"),
        ("arrival_s,service_s\n1,2\n3\n", 3, "two numbers", "got '3': correct or remove the line"),
        ("arrival_s,service_s\n1,2,3\n", 2, "two numbers", "1,2,3"),
        ("arrival_s,service_s\n1,x\n", 2, "two numbers", "1,x"),
        ("arrival_s,service_s\n1,nan\n", 2, "two numbers", "1,nan"),
        ("arrival_s,service_s\n-1,2\n", 2, "an arrival in seconds", "-1"),
        ("arrival_s,service_s\n1e12,2\n", 2, "an arrival in seconds", "1e12"),
        ("arrival_s,service_s\n1,inf\n", 2, "a run time of 0 to 432000", "inf"),
        ("arrival_s,service_s\n1,-2\n", 2, "a run time of 0 to 432000", "-2"),
        ("minute,count\n1,2\n1,2\n", 3, "a time after the row before's", "'1': sort the rows"),
        ("minute,count\n1,2.5\n", 2, "a count of 0 to", "2.5"),
        ("minute,count\n1,-2\n", 2, "a count of 0 to", "-2"),
        ("minute,count\n1,99999999999\n", 2, "a count of 0 to", "99999999999"),
        ("minute,count\n1,20000000\n2,1\n", 3, "at most 20000000 tasks", "more"),
        ("minute_utc,count\n12:00,2\n", 2, "a date and time", "12:00"),
        ("at_s,count\nnan,2\n", 2, "a number", "nan"),
        ("at_s,count\n1,2,3\n", 2, "at_s,count", "1,2,3"),
    ],
)  # fmt: skip
def test_a_wrong_trace_names_its_line(
    tmp_path: Path, text: str, line: int, expected: str, found: str
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(OpsError) as refused:
        read_trace(path, TWO)
    assert str(refused.value).startswith(f"{path}:{line}: expected {expected}")
    assert found in str(refused.value)
    assert refused.value.code == Exit.USAGE


def test_counts_need_a_run_time(tmp_path: Path) -> None:
    with pytest.raises(OpsError, match="--service"):
        read_trace(written(tmp_path, "minute,count\n1,2\n"))


@pytest.mark.parametrize(
    ("name", "data", "line"),
    [
        ("cut.csv.gz", gzip.compress(b"arrival_s,service_s\n" + b"1,2\n" * 9000, mtime=0)[:-20], 1),
        ("plain.csv.gz", b"arrival_s,service_s\n1,2\n", 0),
        ("latin.csv", b"arrival_s,service_s\n1,\xe9\n", 0),
        ("quotes.csv", b'arrival_s,service_s\n1,2\n"1,2\n', 3),
    ],
    ids=["cut off", "not compressed", "not UTF-8", "an open quote"],
)
def test_a_broken_file_is_said_to_be_broken(
    tmp_path: Path, name: str, data: bytes, line: int
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(OpsError, match="write the file anew") as refused:
        read_trace(path)
    place = str(refused.value).partition(": expected CSV in UTF-8")[0]
    assert int(place.removeprefix(f"{path}:")) >= line


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(OpsError, match="No such file or directory"):
        read_trace(tmp_path / "none.csv")
    with pytest.raises(OpsError, match="Is a directory"):
        read_losses(tmp_path)


def test_losses_are_times_or_rates(tmp_path: Path) -> None:
    times = read_losses(written(tmp_path, "at_s\n90\n10\n10\n"))
    assert times == Losses(times=(10.0, 10.0, 90.0))
    rates = read_losses(written(tmp_path, "hour,rate\n0,0.1\n1,0\n"))
    assert rates == Losses(hourly=(0.1, 0.0))


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        ("at\n1\n", 1, "at_s or hour,rate"),
        ("at_s\n", 1, "at least one row"),
        ("at_s\n-1\n", 2, "numbers, not negative"),
        ("hour,rate\n0,0.1\n2,0.1\n", 3, "hour 1"),
        ("hour,rate\n0,7\n", 2, "a rate of at most 6"),
        ("hour,rate\n0\n", 2, "numbers, not negative"),
    ],
)
def test_wrong_losses_name_their_line(tmp_path: Path, text: str, line: int, expected: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(OpsError) as refused:
        read_losses(path)
    assert str(refused.value).startswith(f"{path}:{line}: expected {expected}")


@pytest.mark.parametrize("hourly", [(0.5,), (0.0, 2.0), (0.1, 0.0, 0.3, 4.0)])
def test_a_lifetime_ends_where_the_rate_adds_up(hourly: tuple[float, ...]) -> None:
    losses, rng = Losses(hourly=hourly), Random(1)
    for _ in range(200):
        launched, hazard = rng.random() * 20_000, rng.expovariate(1)
        ends = losses.lifetime(launched, hazard)
        hours = range(int(launched // 3600), int(ends // 3600) + 1)
        added = sum(
            hourly[hour % len(hourly)]
            * (min(ends, 3600 * (hour + 1)) - max(launched, 3600 * hour))
            / 3600
            for hour in hours
        )
        assert added == pytest.approx(hazard)
    assert Losses(hourly=(0.0,)).lifetime(5.0, 1.0) == math.inf


def test_a_trace_of_tasks_in_any_order() -> None:
    trace = trace_of("t", [(5, 1), (2, 3)], begins_at=1)
    assert (list(trace.arrivals), list(trace.services), trace.begins_at) == ([2, 5], [3, 1], 1)
