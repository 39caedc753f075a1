"""Leases on received messages: the visibility timeout, renewed while the message is held.

Pure: every function takes ``now`` (monotonic seconds) and does no I/O.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

#: SQS hides a message for at most 12 hours from its receive, whatever is asked later
#: (Amazon SQS Developer Guide, "Amazon SQS visibility timeout"). A little is left for clocks.
CAP_SECONDS: Final = 12 * 3600 - 30

#: A task that has reached its time limit is given this long to be ended and reported before
#: its lease is let go.
GRACE_SECONDS: Final = 30.0


@dataclass(slots=True)
class Lease:
    """A lease on one receipt handle. Times are monotonic seconds."""

    handle: str
    received_at: float
    renewed_at: float
    expires_at: float
    #: renewal stops here; ``None`` while the task has not started
    ends_at: float | None = None
    lost: bool = False


def opened(handle: str, now: float, lease_seconds: float) -> Lease:
    """Return the lease that a receive with ``VisibilityTimeout=lease_seconds`` opened."""
    return Lease(handle, received_at=now, renewed_at=now, expires_at=now + lease_seconds)


def limit(lease: Lease, started_at: float, time_limit_seconds: float | None) -> None:
    """Let renewal end with the task's time limit, counted from its start."""
    if time_limit_seconds is not None:
        lease.ends_at = started_at + time_limit_seconds + GRACE_SECONDS


def period_seconds(lease_seconds: float) -> float:
    """Return how often leases are renewed: every third of one, so that two tries may fail."""
    return lease_seconds / 3


def due(leases: Iterable[Lease], now: float, lease_seconds: float) -> list[Lease]:
    """Return the leases to renew now.

    Called every third of a lease, it leaves out those younger than half that period: they are
    at most half a lease old the next time, and short tasks never cost a renewal.
    """
    young = period_seconds(lease_seconds) / 2
    return [
        lease
        for lease in leases
        if not lease.lost
        and now - lease.renewed_at >= young
        and extension_seconds(lease, now, lease_seconds) is not None
    ]


def extension_seconds(lease: Lease, now: float, lease_seconds: float) -> int | None:
    """Return the visibility timeout to ask for now, in whole seconds, or ``None`` to stop.

    ``None`` once the task's time is up, or when SQS's cap leaves nothing to gain.
    """
    if lease.ends_at is not None and now >= lease.ends_at:
        return None
    left = int(lease.received_at + CAP_SECONDS - now)
    ask = min(int(lease_seconds), left)
    return ask if ask > 0 and now + ask > lease.expires_at else None


def renewed(lease: Lease, now: float, seconds: float) -> None:
    """Record that SQS accepted a visibility timeout of ``seconds`` asked for at ``now``."""
    lease.renewed_at = now
    lease.expires_at = now + seconds


def lapsed(leases: Iterable[Lease], now: float) -> list[Lease]:
    """Return the leases whose time ran out without a renewal, and that are not yet marked lost."""
    return [lease for lease in leases if not lease.lost and now >= lease.expires_at]
