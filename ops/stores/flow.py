"""The stores of a fleet, read and compared with the manifest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from ops.aws import dynamodb, s3
from ops.stores.plan import Found, plan
from ops.stores.read import read
from ops.stores.wanted import wanted_buckets, wanted_tables

if TYPE_CHECKING:
    from ops.stores.step import Plan
    from ops.stores.wanted import Bucket, Table
    from worker.fleet import Fleet

Progress = Callable[[int], AbstractContextManager[Callable[[str], None]]]


@dataclass(frozen=True, slots=True)
class Stores:
    """What is wanted, what was found, and the plan; `clients` are boto3's by service."""

    fleet: Fleet
    clients: Mapping[str, Any]
    tables: tuple[Table, ...]
    buckets: tuple[Bucket, ...]
    found: Found
    plan: Plan

    @classmethod
    def read(cls, fleet: Fleet, progress: Progress) -> Self:
        """Read every store of the manifest. Raises OpsError."""
        tables_client, buckets_client = dynamodb(fleet), s3(fleet)
        meta = buckets_client.meta
        tables = wanted_tables(fleet)
        buckets = wanted_buckets(fleet, meta.region_name, meta.partition)
        with progress(len(tables) + len(buckets)) as step:
            found = read(
                tables_client,
                buckets_client,
                [table.name for table in tables],
                [bucket.name for bucket in buckets],
                step,
            )
        clients = {"dynamodb": tables_client, "s3": buckets_client}
        return cls(fleet, clients, tables, buckets, found, plan(tables, buckets, found))

    def rows(self) -> list[dict[str, str]]:
        """Return a row a store: its name, kind, purpose, and how it compares."""
        absent = {
            name
            for name, state in {**self.found.tables, **self.found.buckets}.items()
            if state is None
        }
        return [
            {
                "store": want.name,
                "kind": kind,
                "for": want.purpose,
                "state": self._state(want.name, absent),
            }
            for kind, wants in (("table", self.tables), ("bucket", self.buckets))
            for want in wants
        ]

    def _state(self, name: str, absent: set[str]) -> str:
        refused = [line for line in self.plan.refusals if line.startswith(f"{name}: ")]
        if name in absent:
            return "absent"
        if refused:
            return refused[0].removeprefix(f"{name}: ")
        differing = [change.what for change in self.plan.changes if change.store == name]
        return f"differs: {', '.join(differing)}" if differing else "as the manifest wants it"
