"""The registry as the scaling engine and its commands use it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import TYPE_CHECKING, Any

from ops.registry import leasing, names
from ops.registry.changes import Claim, Forget, Remember, Unclaim, Want, key
from ops.registry.registered import Registered, pinned, registered
from ops.registry.table import Table
from ops.registry.transact import LostLease, Refused, write

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from ops.registry.changes import Change
    from ops.registry.lease import Lease
    from ops.scaling.model import Pin, Wanted


class Registry:
    """A fleet's registry. Every call may raise OpsError; times are seconds since the epoch.

    What takes a lease is written only while that lease holds, and raises LostLease otherwise.
    Made for one thread: writes side by side are in each other's way.
    """

    def __init__(
        self, client: DynamoDBClient, table: str, fleet: str, rng: Random | None = None
    ) -> None:
        self._table = Table(client, table, fleet, Random() if rng is None else rng)  # noqa: S311

    def read(self, now: float, *, memories: bool = True) -> Registered:
        """Return everything, from one Query for each megabyte; all of it or OpsError.

        Without `memories` only what changes from tick to tick, and none of them. A consistent
        read: the engine must see what it wrote a tick ago.
        """
        with self._table.errors("reading"):
            items = list(self._items(memories))
        return registered(items, now)

    def take(self, holder: str, now: float, seconds: float) -> Lease | None:
        """Take or renew the lease until `now` + `seconds`; None while it is another's.

        `holder` names this process and no other, also not its next start.
        """
        return leasing.take(self._table, holder, now, seconds)

    def release(self, lease: Lease) -> None:
        """Let the lease lapse now, where it is still this one."""
        leasing.release(self._table, lease)

    def write(self, changes: Sequence[Change], lease: Lease) -> tuple[Refused, ...]:
        """Write changes to different items, one call for forty; return those that were refused."""
        return write(self._table, changes, lease)

    def want(self, queue: str, node: str, wanted: Wanted, token: str, lease: Lease) -> bool:
        """Ask a node to run or to pause; False where it is claimed, or has no item."""
        return not self.write([Want(queue, node, wanted, token)], lease)

    def claim(
        self, queue: str, node: str, token: str, now: float, lease: Lease, *, fresh_seconds: float
    ) -> bool:
        """Claim a node's termination; False where it is not ours to end.

        After True its one decrementing call may follow, within CALL_WITHIN_SECONDS. `now` is read
        just before: also a lease that nobody took raises LostLease once it has lapsed, since what
        was decided under it is old.
        """
        if lease.lapsed(now):
            raise LostLease(
                f"{self._table.name}: expected a lease that holds, got one that lapsed "
                f"{now - lease.expires:.0f} s ago: what was decided then may be wrong now"
            )
        claim = Claim(queue, node, token, now, fresh_seconds, uuid.uuid4().hex)
        return not self.write([claim], lease)

    def unclaim(self, queue: str, node: str, lease: Lease) -> bool:
        """Give up a claim whose terminating call was refused; False where it is not this lease's.

        Only after an answer that says the call did nothing: no answer is no such answer.
        """
        return not self.write([Unclaim(queue, node)], lease)

    def forget(self, queue: str, node: str, lease: Lease) -> None:
        """Delete the item of a node whose instance is gone."""
        self.write([Forget(queue, node)], lease)

    def remember(self, queue: str, memory: str, lease: Lease) -> None:
        """Keep a text for a queue, of at most MEMORY_AT_MOST_BYTES."""
        self.write([Remember(queue, memory)], lease)

    def pin(self, queue: str, pin: Pin) -> None:
        """Hold a queue at a number of nodes: an operator's order, with or without an engine."""
        item: Any = {**self._key(names.pin_item(queue)), **pinned(pin)}
        with self._table.errors(f"pinning {queue} in"):
            self._table.client.put_item(TableName=self._table.name, Item=item)

    def unpin(self, queue: str) -> None:
        """Let a queue be scaled again."""
        at: Any = self._key(names.pin_item(queue))
        with self._table.errors(f"unpinning {queue} in"):
            self._table.client.delete_item(TableName=self._table.name, Key=at)

    def _key(self, item: str) -> dict[str, Any]:
        return key(self._table.fleet, item)

    def _items(self, memories: bool) -> Iterator[Mapping[str, Any]]:
        condition, attributes = "#fleet = :fleet", {"#fleet": names.FLEET}
        values = {":fleet": {"S": self._table.fleet}}
        if not memories:
            condition += " AND #item < :memories"
            attributes["#item"] = names.ITEM
            values[":memories"] = {"S": names.MEMORIES}
        pages = self._table.client.get_paginator("query").paginate(
            TableName=self._table.name,
            KeyConditionExpression=condition,
            ExpressionAttributeNames=attributes,
            ExpressionAttributeValues=values,
            ConsistentRead=True,
        )
        for page in pages:
            yield from page["Items"]
