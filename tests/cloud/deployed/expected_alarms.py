"""What hurts in operation if it is lost, of alarms and of who is told: the facts of each."""

from __future__ import annotations

import hashlib
from typing import Any

from tests.cloud.deployed.asking import Facts
from tests.cloud.deployed.expected_shared import Wanted

_DEAD = ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum")
_AGE = ("AWS/SQS", "ApproximateAgeOfOldestMessage", "Maximum")
_MORE = "GreaterThanThreshold"


def alarms(it: Wanted, *addresses: str) -> dict[str, Facts]:
    """Return the facts of a fleet's topic, its subscriptions by their addresses, its alarms."""
    told = sorted(("email", each) for each in addresses)
    subscribed = {
        f"AlarmsTo{hashlib.sha256(each.encode()).hexdigest()[:12]}": {
            "of": f"{it.fleet}-alarms",
            "to": ("email", each),
        }
        for each in addresses
    }
    return {
        "AlarmsTopic": {"key": it("AlarmsKey"), "told": told},
        **subscribed,
        "DelayDeadLettersAlarm": _alarm(it, f"{it.fleet}-delayed-dlq", _DEAD, (_MORE, 0, 60, 1)),
        **_of_function(it, "Scaling", 60, 5),
        **_of_function(it, "Forwarder", 300, 3),
    }


def of_queue(it: Wanted, queue: str, promise_seconds: int) -> dict[str, Facts]:
    """Return the facts of a queue's alarms."""
    name = f"{it.fleet}-{queue}"
    return {
        "DeadLettersAlarm": _alarm(it, f"{name}-dlq", _DEAD, (_MORE, 0, 60, 1)),
        "LateAlarm": _alarm(it, name, _AGE, (_MORE, promise_seconds, 60, 1)),
    }


def _of_function(it: Wanted, name: str, seconds: int, periods: int) -> dict[str, Facts]:
    of = f"{it.fleet}-{name.lower()}"
    ran, failed = (("AWS/Lambda", metric, "Sum") for metric in ("Invocations", "Errors"))
    return {
        # What does not run says nothing.
        f"{name}StoppedAlarm": {
            **_alarm(it, of, ran, ("LessThanThreshold", 1, seconds, periods)),
            "without_data": "breaching",
        },
        f"{name}FailsAlarm": {
            **_alarm(it, of, failed, (_MORE, 0, seconds, periods)),
            "without_data": "notBreaching",
        },
    }


def _alarm(it: Wanted, of: str, metric: Any, when: Any) -> Facts:
    return {
        "of": of,
        "metric": metric,
        "when": when,
        # SQS says nothing of a queue that nobody has used for six hours.
        "without_data": "ignore",
        "tells": (f"{it.fleet}-alarms",) * 2,
        "acts": True,
    }
