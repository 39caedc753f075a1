"""Take, renew and release the engine's lease."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.registry.lease import LONGEST_SECONDS, Lease, read_lease
from ops.registry.names import ENGINE, TEXT_AT_MOST_CHARACTERS
from ops.registry.values import moment, text, whole

if TYPE_CHECKING:
    from ops.registry.table import Answer, Table


def take(table: Table, holder: str, now: float, seconds: float) -> Lease | None:
    """Take or renew the lease until `now` + `seconds`; None while it is another's.

    Of those who take a lapsed lease at once one has it. Raises OpsError, ValueError.
    """
    if not 0 < seconds <= LONGEST_SECONDS:
        raise ValueError(f"expected a lease of up to {LONGEST_SECONDS:.0f} s, got {seconds}")
    if not 0 < len(holder) <= TEXT_AT_MOST_CHARACTERS:
        raise ValueError(f"expected a holder of 1 to {TEXT_AT_MOST_CHARACTERS} characters")
    held = {":holder": text(holder), ":expires": moment(now + seconds)}
    with table.errors("taking the lease in"):
        renewed = table.update(
            ENGINE,
            "SET #expires = :expires",
            "#holder = :holder AND attribute_exists(#generation)",
            held,
        )
        if renewed.written:
            return _lease(renewed)
        before = _lease(renewed)
        if before is None:
            condition, generation, seen = "attribute_not_exists(#item)", 1, {}
        elif before.lapsed(now):
            # Unchanged since we looked, or another has taken or renewed it meanwhile.
            condition = "#holder = :was AND #generation = :before AND #expires = :lapsed"
            generation = before.generation + 1
            seen = {
                ":was": text(before.holder),
                ":before": whole(before.generation),
                ":lapsed": moment(before.expires),
            }
        else:
            return None
        taken = table.update(
            ENGINE,
            "SET #holder = :holder, #expires = :expires, #generation = :generation",
            condition,
            {**held, **seen, ":generation": whole(generation)},
        )
        lease = _lease(taken)
    # Ours though it was refused: boto3 tried again after an answer that was lost.
    return lease if lease is not None and lease.holder == holder else None


def release(table: Table, lease: Lease) -> None:
    """Let the lease lapse now, where it is still this one. Raises OpsError."""
    with table.errors("releasing the lease in"):
        table.update(
            ENGINE,
            "SET #expires = :expires",
            "#holder = :holder AND #generation = :generation",
            {
                ":holder": text(lease.holder),
                ":generation": whole(lease.generation),
                ":expires": moment(0),
            },
        )


def _lease(answer: Answer) -> Lease | None:
    return None if answer.item is None else read_lease(answer.item)
