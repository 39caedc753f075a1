"""Whether a worker is well: judged from a snapshot of its threads. Pure.

All times are monotonic seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from worker.drain import Phase

#: With free slots a worker polls without a break. Two polls unanswered are bad; with short
#: polls that would be sooner than one call may fail and be tried again.
POLLS_MISSED: Final = 2
DEAF_AT_LEAST_SECONDS: Final = 10.0

#: Acknowledgements fail and are tried again every five seconds at most; polls stop after five.
ACKS_STUCK_SECONDS: Final = 15.0

#: The lease thread looks round every third of a lease. One renewal may time out (8 s) and be
#: tried again twice before it counts as stuck.
LEASE_THREAD_MARGIN_SECONDS: Final = 30.0

#: The warden and the event loop look round every second or so.
STUCK_SECONDS: Final = 30.0

#: From the start to consuming. No call to SQS is waited for between them.
START_SECONDS: Final = 60.0

#: A thread whose calls fail says so within this: connecting (3 s), two calls (5 s each), a
#: back-off (5 s). One that does not is stuck.
CALL_SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True)
class Consuming:
    """The threads of a worker that consumes."""

    poll_seconds: float
    lease_period_seconds: float
    busy: bool  # whether any slot is
    #: since when a slot has been free and nothing kept it from polling; None while that is not so
    listening_since: float | None
    polled: bool  # whether a poll was ever opened
    last_poll: float | None
    poll_failed_at: float | None
    poll_trouble: str | None
    leases_alive: bool
    leases_beat: float
    oldest_acknowledgement: float | None
    acknowledgement_failed_at: float | None
    #: when the event loop was asked for a sign it has not given yet
    loop_asked_at: float | None


@dataclass(frozen=True, slots=True)
class Vitals:
    """A worker at one moment."""

    phase: Phase
    pool: str
    started_at: float
    warden_beat: float
    consuming: Consuming | None


@dataclass(frozen=True, slots=True)
class Ailment:
    """What is wrong, in words, and whether starting the worker anew would help against it."""

    text: str
    restart_helps: bool


@dataclass(frozen=True, slots=True)
class Health:
    """What is wrong with a worker."""

    ailments: tuple[Ailment, ...] = ()

    @property
    def well(self) -> bool:
        """Whether nothing is."""
        return not self.ailments

    @property
    def restart_helps(self) -> bool:
        """Whether anything is that a new start of the worker would mend."""
        return any(ailment.restart_helps for ailment in self.ailments)

    @property
    def reasons(self) -> list[str]:
        """What is wrong, in words."""
        return [ailment.text for ailment in self.ailments]


def ready(vitals: Vitals) -> bool:
    """Whether a worker receives: it has polled well, and is not told to stop."""
    consuming = vitals.consuming
    return (
        vitals.phase is Phase.RUNNING and consuming is not None and consuming.last_poll is not None
    )


def started(vitals: Vitals) -> bool:
    """Whether a worker has come as far as its start goes: its polls are under way, or it is paused.

    Whether SQS answers them is not its own: one that is ended for that is down when SQS is back.
    """
    consuming = vitals.consuming
    if consuming is None:
        return False
    return vitals.phase is Phase.PAUSED or (vitals.phase is Phase.RUNNING and consuming.polled)


def deaf_after_seconds(poll_seconds: float) -> float:
    """Return how long a worker with free slots may go without an answered poll."""
    return max(POLLS_MISSED * poll_seconds, DEAF_AT_LEAST_SECONDS)


def judge(vitals: Vitals, now: float) -> Health:
    """Return what is wrong. Draining, paused and busy workers are well as such.

    What only SQS or the network can mend is told from what a restart would mend: by whether
    calls fail, or are not made at all.
    """
    if vitals.phase is Phase.LEAVING:
        return Health()
    found: list[Ailment] = []
    if now - vitals.warden_beat > STUCK_SECONDS:
        found.append(_stuck("the warden's thread has not looked round", vitals.warden_beat, now))
    consuming = vitals.consuming
    if consuming is None:
        if now - vitals.started_at > START_SECONDS:
            found.append(_stuck("the worker has not begun to consume", vitals.started_at, now))
        return Health(tuple(found))
    found += _polls(consuming, now)
    found += _leases(consuming, now)
    found += _acknowledgements(consuming, now)
    # Under solo the event loop runs the task.
    asked = None if vitals.pool == "solo" and consuming.busy else consuming.loop_asked_at
    if asked is not None and now - asked > STUCK_SECONDS:
        found.append(_stuck("the event loop has not turned", asked, now))
    return Health(tuple(found))


def _polls(consuming: Consuming, now: float) -> list[Ailment]:
    if consuming.listening_since is None:
        return []
    since = max(consuming.listening_since, consuming.last_poll or 0.0)
    if now - since <= deaf_after_seconds(consuming.poll_seconds):
        return []
    text = f"no poll was answered for {now - since:.0f} s while slots are free"
    failed = consuming.poll_failed_at
    if failed is not None and now - failed <= consuming.poll_seconds + CALL_SECONDS:
        return [Ailment(f"{text}: polls fail ({consuming.poll_trouble})", restart_helps=False)]
    return [Ailment(text, restart_helps=True)]


def _leases(consuming: Consuming, now: float) -> list[Ailment]:
    if not consuming.leases_alive:
        return [Ailment("the thread that renews leases has ended", restart_helps=True)]
    if now - consuming.leases_beat <= consuming.lease_period_seconds + LEASE_THREAD_MARGIN_SECONDS:
        return []
    return [_stuck("leases were not looked after", consuming.leases_beat, now)]


def _acknowledgements(consuming: Consuming, now: float) -> list[Ailment]:
    oldest = consuming.oldest_acknowledgement
    if oldest is None or now - oldest <= ACKS_STUCK_SECONDS:
        return []
    text = f"finished messages could not be deleted for {now - oldest:.0f} s"
    failed = consuming.acknowledgement_failed_at
    if failed is not None and now - failed <= CALL_SECONDS:
        return [Ailment(f"{text}: calls fail", restart_helps=False)]
    return [Ailment(text, restart_helps=True)]


def _stuck(what: str, since: float, now: float) -> Ailment:
    return Ailment(f"{what} for {now - since:.0f} s", restart_helps=True)
