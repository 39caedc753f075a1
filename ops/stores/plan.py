"""From what is there to what must change, for all stores of a fleet. Pure: no AWS in here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ops.stores import buckets, tables
from ops.stores.step import Plan, Step, unowned
from ops.stores.wanted import NAME_TAG, Bucket, Table


@dataclass(frozen=True, slots=True)
class Found:
    """Every table and bucket by name; None is one that does not exist."""

    tables: Mapping[str, tables.FoundTable | None] = field(default_factory=dict)
    buckets: Mapping[str, buckets.FoundBucket | None] = field(default_factory=dict)


def plan(wanted_tables: Sequence[Table], wanted_buckets: Sequence[Bucket], found: Found) -> Plan:
    """Compare what is wanted with what was found.

    What is another fleet's, or has what cannot be changed, is refused, and nothing is planned
    beside it. What has no fleet's tag is told apart. What the manifest does not name is left alone.
    """
    refusals: list[str] = []
    steps: list[Step] = []
    for table in wanted_tables:
        refusals += tables.refusals(table, found.tables[table.name])
        steps += tables.steps(table, found.tables[table.name])
    for bucket in wanted_buckets:
        refusals += buckets.refusals(bucket, found.buckets[bucket.name])
        steps += buckets.steps(bucket, found.buckets[bucket.name])
    if refusals:
        return Plan((), tuple(refusals))
    return Plan(tuple(steps), (), tuple(_unowned(wanted_tables, wanted_buckets, found)))


def _unowned(tables: Sequence[Table], buckets: Sequence[Bucket], found: Found) -> Iterator[str]:
    tags = {name: None if there is None else there.tags for name, there in found.tables.items()}
    tags |= {name: None if there is None else there.tags for name, there in found.buckets.items()}
    wants: tuple[Table | Bucket, ...] = (*tables, *buckets)
    for want in wants:
        theirs = tags[want.name]
        if theirs is not None and NAME_TAG not in theirs:
            yield unowned(want.name, want.tags)
