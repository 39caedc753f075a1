"""What the queues are, in the settings and in the account, and what beat sends to them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ops.doctor.finding import Bite
from ops.doctor.rules.words import some
from ops.doctor.snapshot import Snapshot

_DIRECT: Final = ("direct", "")


def several(snapshot: Snapshot) -> Iterator[Bite]:
    """Several queues that one worker reads."""
    application = snapshot.application
    names = sorted(q.name for q in application.queues)
    if application.fleet is None and len(names) > 1:
        yield Bite(
            "task_queues" if any(q.declared for q in application.queues) else "task_routes",
            f"a worker without -Q reads all of {some(names)}: each may take a message past the "
            "free slots, and a slow queue holds up the others",
            "start a worker for each queue: celery worker -Q QUEUE",
        )


def fifo(snapshot: Snapshot) -> Iterator[Bite]:
    """FIFO queues."""
    application = snapshot.application
    for queue in application.queues:
        if queue.name.endswith(".fifo"):
            yield Bite(
                f"task_queues: {queue.name}",
                "leases, hand-backs and batched deletes give up the order that FIFO promises",
                "use a standard queue, and have tasks stand being run out of order",
            )


def exchanges(snapshot: Snapshot) -> Iterator[Bite]:
    """Exchanges that send a message to several queues."""
    application = snapshot.application
    for queue in application.queues:
        if queue.exchange_type not in _DIRECT:
            yield Bite(
                f"task_queues: {queue.name}",
                f"its exchange is {queue.exchange_type}: a message on SQS goes to one queue",
                "send a task for each queue that is to have it",
            )


def no_dead_letters(snapshot: Snapshot) -> Iterator[Bite]:
    """Queues of the account that lose what cannot be run."""
    account, fleet = snapshot.account, snapshot.application.fleet
    # In the delay queue SQS must not count receives, of which each hop takes one.
    delays = None if fleet is None else fleet.delay_queue_name
    for name, queue in account.queues.items() if account is not None else ():
        if queue is not None and not queue.redrives and name != delays:
            yield Bite(
                name,
                "it has no dead-letter queue: a message that is rejected, unknown or no task is "
                "deleted, and one that kills its worker comes for ever",
                f"{_MAKE}, which makes each queue with its dead-letter queue",
            )


def missing(snapshot: Snapshot) -> Iterator[Bite]:
    """Queues of the manifest that the account does not have."""
    account, fleet = snapshot.account, snapshot.application.fleet
    if account is None or fleet is None:
        return
    for name, queue in account.queues.items():
        if queue is None and name == fleet.delay_queue_name:
            what = "the account has no such queue: sending what is to wait longer than 900 s fails"
            yield Bite(name, what, _MAKE)
        elif queue is None:
            yield Bite(name, "the account has no such queue: sending and working fail", _MAKE)


def leftovers(snapshot: Snapshot) -> Iterator[Bite]:
    """Queues that remote control and monitors left behind."""
    account = snapshot.account
    if account is None:
        return
    for names, made_by in (
        (account.replies, "inspect and control"),
        (account.events, "monitors (Flower, celery events)"),
    ):
        if names:
            yield Bite(
                names[0] if len(names) == 1 else f"{len(names)} queues",
                f"{some(list(names))}: left behind by {made_by}, each read by nobody",
                "once no such client runs, remove each: "
                f'aws sqs delete-queue --queue-url "$(aws sqs get-queue-url --queue-name '
                f'{names[0]} --query QueueUrl --output text)"',
            )


def beat(snapshot: Snapshot) -> Iterator[Bite]:
    """Schedules that need a beat."""
    application = snapshot.application
    fleet = application.fleet
    scheduled = {(s.task, s.cron) for s in fleet.schedules.values()} if fleet is not None else ()
    for entry in application.schedules:
        place = f"beat_schedule: {entry.name}"
        if (entry.task, entry.cron) in scheduled:
            yield Bite(
                place,
                "it is in the manifest's schedules too: with a beat its task is sent twice",
                "remove it from beat_schedule, and stop beat",
            )
        elif entry.cron is None:
            yield Bite(
                place,
                f"it needs a beat that runs once and always, and {entry.problem}",
                "rewrite it as five fields of cron for [schedules.*], or keep one beat for it",
            )
        else:
            yield Bite(
                place,
                "it needs a beat that runs once and always: two send twice, none sends nothing",
                f'use [schedules.*] of the manifest: cron = "{entry.cron}"',
            )
    scheduler = str(application.setting("beat_scheduler") or "")
    if "Persistent" not in scheduler and scheduler:
        yield Bite(
            "beat_scheduler",
            f"{scheduler} keeps its schedules where they were not looked at",
            "write them as [schedules.*] of the manifest",
        )


_MAKE: Final = "run ops queues apply --yes"
