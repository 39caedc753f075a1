"""The tables and buckets of an application that is on the fleet, compared with its manifest."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ops.aws import dynamodb, s3
from ops.doctor.account import REST
from ops.doctor.snapshot import StoreInAccount
from ops.errors import OpsError
from ops.stores.plan import plan
from ops.stores.read import read
from ops.stores.step import Plan
from ops.stores.wanted import Bucket, Table, wanted_buckets, wanted_tables
from worker.fleet import Fleet


class Stores:
    """The stores of a fleet. Raises OpsError where no client can be made."""

    def __init__(self, fleet: Fleet, env: Mapping[str, str]) -> None:
        self._dynamodb, self._s3 = dynamodb(fleet, env), s3(fleet, env)
        meta = self._s3.meta
        # A manifest that asks for no table has these all the same.
        self._of_each = {fleet.once_table, fleet.waiting_table, fleet.registry_table}
        self._wanted: tuple[Table | Bucket, ...] = (
            *wanted_tables(fleet),
            *wanted_buckets(fleet, meta.region_name, meta.partition),
        )

    def __len__(self) -> int:
        return len(self._wanted)

    def read(self, step: Callable[[str], None]) -> tuple[tuple[StoreInAccount, ...], list[str]]:
        """Return what was found, and what could not be looked at, a line each.

        `step` is called with each store before it is read.
        """
        from botocore.exceptions import ClientError  # noqa: PLC0415

        found: list[StoreInAccount] = []
        unread: list[str] = []
        for want in self._wanted:
            try:
                found.append(self._store(want, step))
            except OpsError as error:
                unread.append(str(error))
                if not isinstance(error.__cause__, ClientError):
                    unread.append(REST)
                    break
        return tuple(found), unread

    def _store(self, want: Table | Bucket, step: Callable[[str], None]) -> StoreInAccount:
        tables = [want] if isinstance(want, Table) else []
        buckets = [want] if isinstance(want, Bucket) else []
        there = read(
            self._dynamodb, self._s3, [t.name for t in tables], [b.name for b in buckets], step
        )
        state = {**there.tables, **there.buckets}[want.name]
        return StoreInAccount(
            name=want.name,
            kind="table" if tables else "bucket",
            purpose=want.purpose,
            asked_for=want.name not in self._of_each,
            differs=None if state is None else _differs(plan(tables, buckets, there)),
        )


def _differs(planned: Plan) -> str:
    refused = "; ".join(line.partition(": ")[2] for line in planned.refusals)
    return refused or ", ".join(change.what for change in planned.changes)
