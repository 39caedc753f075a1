"""What the manifest wants of each table and bucket. Pure: no AWS in here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from ops.registry.names import FLEET, ITEM
from worker import results
from worker.once.items import EXPIRES, KEY
from worker.payloads import limits

if TYPE_CHECKING:
    from worker.fleet import Fleet

NAME_TAG = "fleet:name"

# The waiting tasks' own table names its attributes in the same way.
_WAITING_KEY = "id"
_WAITING_EXPIRES = "expires"


@dataclass(frozen=True, slots=True)
class Table:
    """A DynamoDB table: its partition key, its sort key and TTL attribute where it has them.

    A protected table cannot be deleted until somebody switches its protection off.
    """

    name: str
    purpose: str
    key: str
    ttl: str | None
    tags: Mapping[str, str]
    protected: bool = False
    sort: str | None = None

    @property
    def keys(self) -> tuple[tuple[str, str], ...]:
        """Names and types of its key: partition, then sort."""
        names = (self.key,) if self.sort is None else (self.key, self.sort)
        return tuple((name, "S") for name in names)


@dataclass(frozen=True, slots=True)
class Expiry:
    """A lifecycle rule of a bucket: what lies under `prefix` is deleted after so many days."""

    rule_id: str
    prefix: str
    days: int


@dataclass(frozen=True, slots=True)
class Bucket:
    """An S3 bucket: encrypted, closed to the public, over TLS only, what is in it expiring."""

    name: str
    purpose: str
    arn: str
    region: str
    expiries: tuple[Expiry, ...]
    tags: Mapping[str, str]


def wanted_tables(fleet: Fleet) -> tuple[Table, ...]:
    """Return the tables: those every fleet has, and results where the manifest keeps them there."""
    tags = MappingProxyType({NAME_TAG: fleet.name})
    tables = [
        Table(fleet.once_table, "effects that happen once", KEY, EXPIRES, tags, protected=True),
        Table(
            fleet.waiting_table,
            "what waits in the delay queue",
            _WAITING_KEY,
            _WAITING_EXPIRES,
            tags,
        ),
        Table(
            fleet.registry_table, "the nodes, and the scaling engine", FLEET, None, tags, sort=ITEM
        ),
    ]
    if fleet.results is not None and fleet.results.backend == "dynamodb":
        key, ttl = results.KEY_ATTRIBUTE, results.EXPIRES_ATTRIBUTE
        tables.append(Table(fleet.results_table, "results", key, ttl, tags))
    return tuple(tables)


def wanted_buckets(fleet: Fleet, region: str, partition: str) -> tuple[Bucket, ...]:
    """Return the buckets that the manifest names; one bucket may serve both purposes.

    `partition` is the first part of an ARN in the region: `aws`, `aws-cn`, `aws-us-gov`.
    """
    expiries: dict[str, list[tuple[str, Expiry]]] = {}
    if fleet.payload_bucket is not None:
        expiry = Expiry("fleet-payloads", limits.PREFIX, _days(limits.EXPIRES_AFTER))
        expiries.setdefault(fleet.payload_bucket, []).append(("large arguments", expiry))
    if fleet.results is not None and fleet.results.bucket is not None:
        expiry = Expiry("fleet-results", results.PREFIX, _days(fleet.results.expires))
        expiries.setdefault(fleet.results.bucket, []).append(("results", expiry))
    return tuple(
        Bucket(
            name=name,
            purpose=" and ".join(purpose for purpose, _ in uses),
            arn=f"arn:{partition}:s3:::{name}",
            region=region,
            expiries=tuple(expiry for _, expiry in uses),
            tags=MappingProxyType({NAME_TAG: fleet.name}),
        )
        for name, uses in expiries.items()
    )


def _days(duration: timedelta) -> int:
    return math.ceil(duration / timedelta(days=1))
