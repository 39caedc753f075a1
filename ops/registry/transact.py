"""The engine's writes: fenced by its lease, several at once, each with its own condition."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ops.errors import OpsError
from ops.registry.changes import claimed_by, fence, part, sort_key
from ops.registry.table import code_of

if TYPE_CHECKING:
    from ops.registry.changes import Change
    from ops.registry.lease import Lease
    from ops.registry.table import Table

#: TransactWriteItems takes 100 actions, of which the fence is one. Fewer meet fewer nodes that
#: are just speaking, and what is refused leaves fewer to be sent again.
TOGETHER: Final = 40

_REFUSED = "ConditionalCheckFailed"
#: Reasons of a cancelled transaction that pass (API Reference, TransactWriteItems).
_PASSING = ("None", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded")


class LostLease(OpsError):
    """The lease is another's: nothing was written, and this engine stops acting."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A change whose condition did not hold, and the item as it was; empty where there is none."""

    change: Change
    found: Mapping[str, Any]


def write(table: Table, changes: Sequence[Change], lease: Lease) -> tuple[Refused, ...]:
    """Write changes to different items while the lease holds; return those that were refused.

    One call for forty: every write of the engine checks the lease's item, so that calls side by
    side would be in each other's way. Raises LostLease, OpsError where DynamoDB does not answer
    (a change may be there all the same), and ValueError for what is never written.
    """
    keys = [sort_key(change) for change in changes]
    if len(set(keys)) < len(keys):
        raise ValueError("expected changes to different items, got two to one")
    chunks = (changes[start : start + TOGETHER] for start in range(0, len(changes), TOGETHER))
    return tuple(refused for chunk in chunks for refused in _together(table, chunk, lease))


def _together(table: Table, changes: Sequence[Change], lease: Lease) -> Iterator[Refused]:
    pending = list(changes)
    failures = 0
    while pending:
        parts = [part(table.name, table.fleet, change, lease) for change in pending]
        reasons = _try(table, [fence(table.name, table.fleet, lease), *parts])
        if reasons is None:
            return
        fenced, *others = reasons
        if fenced["Code"] == _REFUSED:
            raise _lost(table, lease, fenced.get("Item", {}))
        refused = {i for i, reason in enumerate(others) if reason["Code"] == _REFUSED}
        for i in sorted(refused):
            found = others[i].get("Item", {})
            if not claimed_by(pending[i], found):
                yield Refused(pending[i], found)
        pending = [change for i, change in enumerate(pending) if i not in refused]
        if not refused:
            failures += 1
            table.wait(failures)


def _try(table: Table, parts: Sequence[Any]) -> list[dict[str, Any]] | None:
    """Write all parts and return None, or none of them and return what each has against it.

    botocore gives each call an idempotency token, and sends it again with every retry of its own,
    so that within ten minutes an answer that was lost is given again.
    """
    from botocore.exceptions import ClientError  # noqa: PLC0415

    with table.errors("writing"):
        try:
            table.client.transact_write_items(TransactItems=parts)
        except ClientError as error:
            response: Any = error.response
            reasons = response.get("CancellationReasons")
            if code_of(error) != "TransactionCanceledException" or not reasons:
                raise
            for reason in reasons:
                if reason["Code"] not in (_REFUSED, *_PASSING):
                    raise OpsError(
                        f"{table.name}: expected DynamoDB to write, got {reason['Code']}: "
                        f"{str(reason.get('Message', ''))[:200]}"
                    ) from error
            return list(reasons)
    return None


def _lost(table: Table, lease: Lease, found: Mapping[str, Any]) -> LostLease:
    generation = found.get("generation", {}).get("N", "none")
    holder = found.get("holder", {}).get("S", "nobody")
    return LostLease(
        f"{table.name}: expected the lease of generation {lease.generation}, got {generation} of "
        f"{holder[:100]}: another engine acts, and this one changes nothing"
    )
