"""What each stack of the fleets of these tests is to have."""

from __future__ import annotations

from collections.abc import Mapping

from tests.cloud.deployed.asking import Facts
from tests.cloud.deployed.expected_alarms import alarms
from tests.cloud.deployed.expected_queues import Queue, Task, group, instances, service
from tests.cloud.deployed.expected_shared import Wanted, bucket, shared
from tests.unit.stack_fleets import IMAGE

_PAYLOADS = "Payloads PayloadsAbsent Results ResultsAbsent"
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")


def facts(stack: str, names: Mapping[str, str], given: tuple[str, ...]) -> dict[str, Facts]:
    """Return the facts of a stack's resources by their logical ids.

    `names` are the physical ids of the fleet's resources, `given` the security groups that a
    manifest names.
    """
    fleet = stack.partition("-")[0]
    it = Wanted(fleet, names, bounded=fleet == "media")
    known = {
        "media-shared": _media,
        "beside-shared": _beside,
        "plain-shared": lambda it: {**shared(it), **alarms(it)},
        "media-queue-video": lambda it: _video(it, given),
        "media-queue-mail": lambda it: _mail(it, given),
        "plain-queue-notes": _notes,
        "plain-queue-letters": _letters,
    }
    assert stack in known, f"{stack}: say what it is to have"
    return known[stack](it)


def _media(it: Wanted) -> dict[str, Facts]:
    return {
        **shared(it),
        **alarms(it, "ops@example.com", "night@example.com"),
        **bucket("Payloads", "media-payloads", payloads=(41, 1)),
        **bucket("ResultsObjects", "media-results", results=(2, 1)),
    }


def _beside(it: Wanted) -> dict[str, Facts]:
    both = bucket("Payloads", "beside-objects", payloads=(41, 1), results=(2, 1))
    return {**shared(it), **alarms(it), **both}


def _mail(it: Wanted, given: tuple[str, ...]) -> dict[str, Facts]:
    mail = Queue("mail", stores=_PAYLOADS, security_groups=given)
    return service(it, mail, Task(IMAGE, "4096", 25, "Log Image Registry"))


def _notes(it: Wanted) -> dict[str, Facts]:
    notes = Queue("notes", stores="ResultsTable")
    artifacts = "plain-artifacts-123456789012-eu-west-1"
    return {**instances(it, notes, artifacts), **group(it, notes)}


def _letters(it: Wanted) -> dict[str, Facts]:
    letters = Queue("letters", promise_seconds=600, stores="ResultsTable", policies=("fonts",))
    # Not in ECR: no statement of its own starts it.
    return service(it, letters, Task("registry.example.com/team/letters:7", "2048", 0, "Log"))


def _video(it: Wanted, given: tuple[str, ...]) -> dict[str, Facts]:
    video = Queue(
        "video",
        lease_seconds=90,
        receives=5,
        promise_seconds=300,
        stores=_PAYLOADS,
        policies=("clips", "fonts"),
        security_groups=given,
    )
    own = {
        "bounds": (1, 9),
        "types": ["c7i.large", "c6i.large"],
        "on_demand": (2, 100),
        "rebalances": True,
    }
    return {
        **instances(it, video, "our-artifacts"),
        **group(it, video, leave_seconds=120, **own),
        "StoppedNodes": {"size": (2, 2), "state": "Stopped", "reused": False},
        # Least alone: what else there is of a size is the engine's.
        **{
            f"{day}At{hour:02}00": {"when": (f"0 {hour} * * {of}", "UTC"), "least": n, "others": []}
            for of, day in enumerate(_WEEKDAYS, 1)
            for hour, n in ((8, 3), (18, 1))
        },
    }
