"""Whether a node's workers are beyond repair, so that only another node helps. Pure.

What a new start of the worker mends is left to systemd's watchdog, and what is SQS's or the role's
trouble to those who have it: another node would be no better off, and all would go at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.node.bounds import (
    ABSENT_SECONDS,
    DEAF_SECONDS,
    DEATHS_AT_MOST,
    DEATHS_WITHIN_SECONDS,
    POLLS_FAIL_SECONDS,
    STUCK_SECONDS,
)

if TYPE_CHECKING:
    from ops.node.roll import Known, Roll


def beyond_repair(roll: Roll, now: float) -> str:
    """Return why the node is to be replaced, in words; empty where it is not.

    A node that an operator holds is never: he is at work on it. Whether it is leaving anyway is
    the caller's to know.
    """
    if roll.held is not None:
        return ""
    died = [at for at in roll.died if now - at <= DEATHS_WITHIN_SECONDS]
    if len(died) >= DEATHS_AT_MOST:
        return f"its worker died {len(died)} times within {DEATHS_WITHIN_SECONDS:.0f} s"
    if roll.silent_since is not None and now - roll.silent_since >= ABSENT_SECONDS:
        which = next((each.trouble for each in roll.now if each.trouble), "none is there")
        return f"no worker has answered for {now - roll.silent_since:.0f} s: {which}"
    for pid, worker in roll.known.items():
        deaf = _deaf_seconds(worker)
        if deaf >= DEAF_SECONDS:
            return f"worker {pid} has free slots and no poll of it was answered for {deaf:.0f} s"
    return ""


def stuck(roll: Roll, now: float) -> str:
    """Return why a worker is to be started anew, in words; empty where none is.

    For where no watchdog does it. What it runs is no reason to wait: it may never tell of its end.
    """
    if roll.held is not None:
        return ""
    for pid, worker in roll.known.items():
        since = worker.stuck_since
        if since is not None and worker.at - since >= STUCK_SECONDS:
            return (
                f"worker {pid} is stuck for {now - since:.0f} s: {'; '.join(worker.last.ailments)}"
            )
    return ""


def at_work(roll: Roll) -> bool:
    """Whether a worker that answers runs what another would run from its start.

    An instance's end waits for such a task, as long as it takes. That of a task of ECS does not.
    """
    return any(each.answers and each.leased > 0 for each in roll.now)


def _deaf_seconds(worker: Known) -> float:
    """Return for how long a worker that listens has heard nothing, up to its last answer."""
    if worker.listens_since is None:
        return 0.0
    failed = worker.last.last_poll_error_age
    if failed is not None and failed <= POLLS_FAIL_SECONDS:
        return 0.0
    heard = worker.polled_at
    since = worker.listens_since if heard is None else max(heard, worker.listens_since)
    return worker.at - since
