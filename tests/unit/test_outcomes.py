"""The table outcome -> broker action, written out in full, and how long a message is hidden."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.outcomes import (
    HIDE_AT_MOST_SECONDS,
    TABLE,
    Broker,
    Outcome,
    broker_action,
    hide_seconds,
)

# on_failure:    dead_letter      |      drop
# receive:     earlier  last      |  earlier  last
EXPECTED = """
done           delete       delete       | delete       delete
retried        delete       delete       | delete       delete
ignored        delete       delete       | delete       delete
revoked        delete       delete       | delete       delete
repeated       delete       delete       | delete       delete
failed         dead_letter  dead_letter  | delete       delete
timed out      dead_letter  dead_letter  | delete       delete
rejected       dead_letter  dead_letter  | delete       delete
requeued       hand_back    dead_letter  | hand_back    dead_letter
child died     hand_back    dead_letter  | hand_back    dead_letter
unregistered   hide         dead_letter  | hide         dead_letter
undecodable    dead_letter  dead_letter  | dead_letter  dead_letter
no payload     hide         dead_letter  | hide         dead_letter
not due        delay        delay        | delay        delay
not started    hand_back    hand_back    | hand_back    hand_back
cut off        hand_back    dead_letter  | hand_back    dead_letter
lease lost     forget       forget       | forget       forget
"""

# Under a spot deadline one line differs: there may be no time for a copy.
EXPECTED_UNDER_SPOT = """
cut off        hand_back    hand_back    | hand_back    hand_back
"""


def _rows(text: str) -> dict[str, list[str]]:
    lines = [line for line in text.splitlines() if line]
    return {line[:15].strip(): line[15:].replace("|", " ").split() for line in lines}


def _cases() -> list[tuple[str, str, bool, bool, str]]:
    plain = _rows(EXPECTED)
    spot = {**plain, **_rows(EXPECTED_UNDER_SPOT)}
    columns = list(product(("dead_letter", "drop"), (False, True)))
    return [
        (outcome, on_failure, last, under_spot, action)
        for under_spot, rows in ((False, plain), (True, spot))
        for outcome, actions in rows.items()
        for (on_failure, last), action in zip(columns, actions, strict=True)
    ]


def test_the_expected_table_names_every_outcome() -> None:
    assert list(_rows(EXPECTED)) == [str(outcome) for outcome in Outcome]
    assert set(TABLE) == set(Outcome)


@pytest.mark.parametrize(("outcome", "on_failure", "last", "spot", "action"), _cases())
def test_what_the_broker_is_told(
    outcome: str, on_failure: str, last: bool, spot: bool, action: str
) -> None:
    found = broker_action(Outcome(outcome), last_receive=last, on_failure=on_failure, spot=spot)
    assert found is Broker(action)


def test_nothing_but_what_was_dealt_with_is_deleted_unrecorded_by_default() -> None:
    deleted = {
        outcome
        for outcome, last, spot in product(Outcome, (False, True), (False, True))
        if broker_action(outcome, last_receive=last, on_failure="dead_letter", spot=spot)
        is Broker.DELETE
    }
    assert deleted == {
        Outcome.DONE,
        Outcome.RETRIED,
        Outcome.IGNORED,
        Outcome.REVOKED,
        Outcome.REPEATED,
    }


@pytest.mark.parametrize(
    ("lease_seconds", "receives", "expected"),
    [(60, 1, 120), (60, 2, 240), (60, 3, 480), (60, 4, 900), (5, 1, 10), (5, 7, 640), (5, 8, 900)],
)
def test_an_unregistered_task_is_hidden_for_the_lease_times_two_to_the_receives(
    lease_seconds: float, receives: int, expected: int
) -> None:
    assert hide_seconds(lease_seconds=lease_seconds, receives=receives) == expected


@given(
    lease_seconds=st.integers(5, 12 * 3600),
    receives=st.integers(1, 10**9),
)
def test_hiding_never_shrinks_and_never_exceeds_its_cap(lease_seconds: int, receives: int) -> None:
    now = hide_seconds(lease_seconds=lease_seconds, receives=receives)
    later = hide_seconds(lease_seconds=lease_seconds, receives=receives + 1)
    assert 0 < now <= later <= HIDE_AT_MOST_SECONDS
