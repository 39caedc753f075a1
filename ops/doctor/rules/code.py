"""What the code does with Celery, wherever it is called."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ops.doctor.finding import Bite, Severity
from ops.doctor.rules.words import INSTALL, duration, some
from ops.doctor.snapshot import Snapshot, Use
from worker.delays import LONGEST_DELAY_SECONDS

_CHORD_UNLOCK: Final = "celery.chord_unlock"
#: Backends that count a chord's parts themselves; others poll with a task.
_COUNT_CHORDS: Final = frozenset({"redis", "rediss", "sentinel", "dynamodb", "cache", "gs"})


def countdown(snapshot: Snapshot) -> Iterator[Bite]:
    """Waits of up to a quarter of an hour, and those that only running the code would tell."""
    if snapshot.application.fleet is not None:
        return
    for place, use in snapshot.uses("countdown", "eta", "retry"):
        if use.detail and (use.seconds is None or use.seconds <= LONGEST_DELAY_SECONDS):
            yield Bite(place, f"{_asked(use)}: {_HELD}", f"{INSTALL}: {_WAITS}")
    for place, use in snapshot.uses("retry"):
        if not use.detail:
            yield Bite(
                place, f"a retry waits (default_retry_delay): {_HELD}", f"{INSTALL}: {_WAITS}"
            )


_HELD = (
    "the message is received at once and held in a worker's memory until it is due, where it "
    "comes twice when its visibility timeout lapses"
)
_WAITS = "it waits in SQS, by DelaySeconds up to 900s and in the delay queue beyond"


def long_countdown(snapshot: Snapshot) -> Iterator[Bite]:
    """Waits that are longer than SQS can delay a message."""
    fleet = snapshot.application.fleet
    for place, use in snapshot.uses("countdown", "eta", "retry"):
        if use.seconds is None or use.seconds <= LONGEST_DELAY_SECONDS:
            continue
        if fleet is None:
            yield Bite(
                place,
                f"{_asked(use)}: SQS delays a message by at most 900s; {_HELD}",
                f"{INSTALL}: {_WAITS}",
            )
        else:
            yield Bite(
                place,
                f"{_asked(use)}: it waits in {fleet.delay_queue_name}, from where only "
                "ops queues forward moves it on",
                "see that ops queues forward runs, as a loop or on a schedule",
                Severity.NOTE,
            )


def remote_control(snapshot: Snapshot) -> Iterator[Bite]:
    """Calls of remote control."""
    for place, use in snapshot.uses("control"):
        revoke = use.detail.endswith("revoke")
        yield Bite(
            place,
            f"{use.detail} reaches no worker: SQS has no broadcast; each call that waits for an "
            "answer leaves a *-celery-pidbox queue in the account",
            "have the task look for itself whether it is still wanted, such as in the database"
            if revoke
            else "use ops node status, pause, resume or drain on the worker's machine",
        )


def events(snapshot: Snapshot) -> Iterator[Bite]:
    """Receivers of events."""
    for place, use in snapshot.uses("events"):
        yield Bite(
            place,
            f"{use.detail} receives nothing: SQS has no broadcast for events",
            "remove it, and read the workers' metrics",
        )


def content(snapshot: Snapshot) -> Iterator[Bite]:
    """Calls that send something else than JSON."""
    for place, use in snapshot.uses("serializer"):
        if use.detail != "json":
            yield Bite(
                place,
                f"serializer={use.detail!r}: the fleet's workers refuse it",
                "remove it, and pass arguments that JSON can carry",
            )


def priority(snapshot: Snapshot) -> Iterator[Bite]:
    """Calls with a priority."""
    for place, _ in snapshot.uses("priority"):
        yield Bite(
            place,
            "a priority has no effect: SQS has none",
            "remove it, and give urgent tasks a queue of their own",
        )


def chords(snapshot: Snapshot) -> Iterator[Bite]:
    """Chords, which need results."""
    application = snapshot.application
    uses = snapshot.uses("chord")
    if uses and application.result_backend in (None, "rpc"):
        found = "there is none" if application.result_backend is None else "rpc:// cannot"
        for place, use in uses:
            yield Bite(
                place,
                f"{use.detail} needs a result backend to know when its parts are done, and {found}",
                'keep results: [results] backend = "dynamodb" in the manifest',
            )
    elif uses and application.fleet is not None:
        backend = str(application.result_backend).partition("+")[0]
        polls = backend not in _COUNT_CHORDS
        if polls and application.fleet.route(_CHORD_UNLOCK) is None:
            yield Bite(
                uses[0][0],
                f"with {application.result_backend} results a chord is watched by the task "
                f"{_CHORD_UNLOCK}, which no queue of {application.fleet.path} takes",
                f'add it to a queue: tasks = ["{_CHORD_UNLOCK}"]',
            )


def builtin_tasks(snapshot: Snapshot) -> Iterator[Bite]:
    """Calls that send Celery's own tasks."""
    fleet = snapshot.application.fleet
    functions = {task.function for task in snapshot.application.tasks}
    for place, use in snapshot.uses("builtin"):
        function, _, verb = use.detail.partition(".")
        name = f"celery.{verb}"
        if function in functions and (fleet is None or fleet.route(name) is None):
            yield Bite(
                place,
                f"{use.detail} sends the task {name}, which only a queue that names it takes",
                f'add it to a queue of the manifest: tasks = ["{name}"]',
            )


def waits(snapshot: Snapshot) -> Iterator[Bite]:
    """Callers that wait for a result."""
    if snapshot.application.result_backend is not None:
        return
    for place, use in snapshot.uses("wait"):
        yield Bite(
            place,
            f"{use.detail}() waits for a result, and there is no result backend to bring it",
            'do not wait, or keep results: [results] backend = "dynamodb" in the manifest',
        )


def subprocesses(snapshot: Snapshot) -> Iterator[Bite]:
    """Programs that tasks start and that outlive them."""
    for module in snapshot.modules:
        for use in module.uses if module.tasks_reach else ():
            if use.kind == "subprocess":
                yield Bite(
                    f"{module.path}:{use.line}",
                    f"a program started by {use.detail} goes on when its worker is killed, while "
                    "the task runs again elsewhere",
                    "start it with worker.children.run, and rename what it writes when it is whole",
                )


def sqs_message(snapshot: Snapshot) -> Iterator[Bite]:
    """Tasks that look at kombu's own copy of the message."""
    for place, use in snapshot.uses("sqs_message"):
        yield Bite(
            place,
            f"delivery_info has no {use.detail!r} on the fleet's workers",
            "use its sent_timestamp, receive_count and message_id",
        )


def unknown_queues(snapshot: Snapshot) -> Iterator[Bite]:
    """Calls that name a queue or a task the manifest does not have."""
    fleet = snapshot.application.fleet
    if fleet is None:
        return
    for place, use in snapshot.uses("queue"):
        if use.detail not in fleet.queues:
            yield Bite(
                place,
                f"queue={use.detail!r}: {fleet.path} has no such queue: sending raises an error",
                f"use one of its queues: {some(list(fleet.queues))}",
            )
    for place, use in snapshot.uses("send"):
        if fleet.route(use.detail) is None:
            yield Bite(
                place,
                f"no queue of {fleet.path} takes {use.detail}: sending it raises Unrouted",
                f'add it to a queue: tasks = ["{use.detail}"]',
            )


def _asked(use: Use) -> str:
    where = "a retry with " if use.kind == "retry" else ""
    what = "an eta" if use.detail == "eta" else "a countdown"
    if use.seconds is None:
        return f"{where}{what} that only the running code knows"
    ahead = "ahead by" if use.detail == "eta" else "of"
    return f"{where}{what} {ahead} {duration(use.seconds)}"
