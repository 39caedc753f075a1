"""From what is there to what must change, for all stores of a fleet. Pure: no AWS in here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ops.stores import buckets, tables
from ops.stores.step import Plan, Step
from ops.stores.wanted import Bucket, Table


@dataclass(frozen=True, slots=True)
class Found:
    """Every table and bucket by name; None is one that does not exist."""

    tables: Mapping[str, tables.FoundTable | None] = field(default_factory=dict)
    buckets: Mapping[str, buckets.FoundBucket | None] = field(default_factory=dict)


def plan(wanted_tables: Sequence[Table], wanted_buckets: Sequence[Bucket], found: Found) -> Plan:
    """Compare what is wanted with what was found.

    What is another fleet's, or has what cannot be changed, is refused, and nothing is planned
    beside it. What the manifest does not name is left alone.
    """
    refusals: list[str] = []
    steps: list[Step] = []
    for table in wanted_tables:
        refusals += tables.refusals(table, found.tables[table.name])
        steps += tables.steps(table, found.tables[table.name])
    for bucket in wanted_buckets:
        refusals += buckets.refusals(bucket, found.buckets[bucket.name])
        steps += buckets.steps(bucket, found.buckets[bucket.name])
    return Plan((), tuple(refusals)) if refusals else Plan(tuple(steps), ())
