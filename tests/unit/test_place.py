"""Where a task's message is sent: its own queue or the delay queue, and how long it is hidden."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from worker.delays import ATTRIBUTE, TooFarAhead, Waiting
from worker.fleet import Fleet
from worker.sqs.place import Place, place

NOW = 1_800_000_000.0
FLEET = Fleet.model_validate(
    {
        "name": "media",
        "queues": {
            "mail": {"tasks": ["mail.*"]},
            "brief": {"tasks": ["brief.*"], "retention": "1m"},
        },
    }
)


def headers(due_in_seconds: float) -> dict[str, Any]:
    eta = datetime.fromtimestamp(NOW + due_in_seconds, UTC)
    return {"task": "mail.send", "id": "id-1", "eta": eta.isoformat()}


@pytest.mark.parametrize(
    ("queue", "due_in_seconds", "expected"),
    [
        ("mail", -1, Place("media-mail")),
        ("mail", 0.5, Place("media-mail", 1)),
        ("mail", 900, Place("media-mail", 900)),
        ("brief", 30, Place("media-brief", 30)),
    ],
)
def test_what_is_due_soon_goes_to_its_own_queue(
    queue: str, due_in_seconds: float, expected: Place
) -> None:
    assert place(FLEET, queue, headers(due_in_seconds), None, NOW) == expected


def test_without_an_eta_nothing_is_delayed() -> None:
    assert place(FLEET, "mail", {"task": "mail.send", "id": "id-1"}, None, NOW) == Place(
        "media-mail"
    )


@pytest.mark.parametrize(("queue", "due_in_seconds"), [("mail", 901), ("brief", 31)])
def test_what_is_due_later_waits_in_the_delay_queue(queue: str, due_in_seconds: float) -> None:
    found = place(FLEET, queue, headers(due_in_seconds), None, NOW)
    assert (found.queue, found.delay_seconds) == ("media-delayed", 1)
    waiting = Waiting.read(found.attributes[ATTRIBUTE]["StringValue"])
    assert waiting == Waiting(queue, "mail.send", "id-1", NOW + due_in_seconds)


def test_a_delay_that_the_caller_set_himself_wins() -> None:
    assert place(FLEET, "mail", headers(7200), 5, NOW) == Place("media-mail", 5)


def test_too_far_ahead_is_refused() -> None:
    with pytest.raises(TooFarAhead, match="at most 366 days from now, found 400"):
        place(FLEET, "mail", headers(400 * 86400), None, NOW)
