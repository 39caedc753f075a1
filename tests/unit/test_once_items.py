"""Items of the once table: written, read back, and read whoever wrote them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.once import items, rule
from worker.once.items import Claim, Holder, Result, claimed, encode, finished, read

HOLDER = Holder("me", "m1", 3, 3660.0, "t.mail", "id-1")
CLAIM = Claim("mail:7", HOLDER, 1_800_000_000.25, 86_400.0)

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def test_a_claim_is_read_as_it_was_written() -> None:
    found = read(claimed(CLAIM))
    assert (found.running, found.done, found.owner, found.message_id) == (True, False, "me", "m1")
    assert (found.receives, found.task) == (3, "t.mail")
    assert found.until == CLAIM.until == 1_800_003_660.25
    # Nothing may sweep a claim away while its holder can be running.
    assert found.expires == 1_800_090_061


def test_a_record_expires_its_ttl_after_the_end() -> None:
    found = read(finished(CLAIM, Result("[7]"), CLAIM.claimed_at + 10))
    assert (found.done, found.running, found.result.text) == (True, False, "[7]")
    assert found.expires == 1_800_086_411
    assert found.until is None


def test_a_record_without_its_result_says_why() -> None:
    found = read(finished(CLAIM, Result(None, "too large"), CLAIM.claimed_at))
    assert found.result == Result(None, "too large")


@given(json_values)
def test_what_is_json_comes_back(value: Any) -> None:
    kept = encode(value)
    assert kept.text is not None
    assert json.loads(kept.text) == value


@pytest.mark.parametrize("value", [b"x", {1, 2}, float("inf"), {(1, 2): 3}, object()])
def test_what_is_not_json_is_not_kept(value: object) -> None:
    kept = encode(value)
    assert kept.text is None
    assert kept.unkept.startswith(f"expected JSON, got {type(value).__name__}: ")


def test_what_holds_itself_is_not_kept() -> None:
    value: list[object] = []
    value.append(value)
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    assert (encode(value).text, encode(deep).text) == (None, None)


def test_the_largest_result() -> None:
    assert encode("x" * (items.RESULT_AT_MOST_BYTES - 2)).text is not None
    assert encode("x" * (items.RESULT_AT_MOST_BYTES - 1)).text is None


@given(
    st.dictionaries(
        st.sampled_from(["state", "owner", "message", "receives", "until", "expires", "result"]),
        st.dictionaries(
            st.sampled_from(["S", "N", "BOOL"]),
            st.text() | st.sampled_from(["inf", "nan", "1e400", "3.5"]) | st.booleans(),
        ),
    )
)
def test_any_item_can_be_read(item: Any) -> None:
    read(item)


def test_every_name_and_value_of_a_condition_is_used_and_given() -> None:
    # DynamoDB refuses a request with one too many or one too few.
    for condition in (rule.take(CLAIM), rule.still_ours(CLAIM, 1.0), rule.given_up(CLAIM)):
        words = condition.text.replace("(", " ").replace(")", " ").split()
        assert {w for w in words if w.startswith("#")} == set(condition.names)
        assert {w for w in words if w.startswith(":")} == set(condition.values)
