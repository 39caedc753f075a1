"""A registry table of a test's own on the local AWS, reached through a proxy that can err."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from random import Random
from typing import Any

import boto3
from botocore.config import Config

from ops.registry.registry import Registry
from ops.stores.tables import steps
from ops.stores.wanted import wanted_tables
from tests.faulty import Faulty
from tests.nodes import Nodes
from worker.fleet import Fleet

REGION = "eu-west-1"
_FLEETS = itertools.count(1)


def dynamodb(url: str) -> Any:
    """A client of its own, as `ops.aws` makes them but for the time it waits."""
    return boto3.session.Session().client(
        "dynamodb",
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(retries={"mode": "standard", "total_max_attempts": 3}, read_timeout=10),
    )


@dataclass
class Bench:
    """A fleet's registry, and engines and nodes on it."""

    proxy: Faulty
    fleet: str = field(default_factory=lambda: f"fleet{next(_FLEETS)}")

    def __post_init__(self) -> None:
        fleet = Fleet.model_validate(
            {"name": self.fleet, "region": REGION, "queues": {"video": {"tasks": ["t.*"]}}}
        )
        self.table = fleet.registry_table
        self.client = dynamodb(self.proxy.url)
        (want,) = [want for want in wanted_tables(fleet) if want.name == self.table]
        for step in steps(want, None):
            getattr(self.client, step.call)(**step.arguments)
        self.nodes = Nodes(self.client, self.table, self.fleet)
        self.proxy.forget()

    def registry(self) -> Registry:
        """An engine's view of it; engines may share the client."""
        return Registry(self.client, self.table, self.fleet, Random(7))

    def item(self, name: str) -> dict[str, Any] | None:
        """An item as it lies in the table."""
        key = {"fleet": {"S": self.fleet}, "item": {"S": name}}
        found = self.client.get_item(TableName=self.table, Key=key, ConsistentRead=True)
        return found.get("Item")

    def put(self, name: str, **attributes: Any) -> None:
        """Put an item, whatever it is."""
        item = {"fleet": {"S": self.fleet}, "item": {"S": name}, **attributes}
        self.client.put_item(TableName=self.table, Item=item)
