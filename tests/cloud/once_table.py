"""A once table of a test's own on the local AWS, reached through a proxy that can err."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from random import Random
from typing import Any

import boto3
import pytest

from ops.stores.tables import steps
from ops.stores.wanted import wanted_tables
from tests.faulty import Faulty
from worker.fleet import Fleet
from worker.once.claiming import claim_or_record, finish
from worker.once.items import Claim, Found, Holder
from worker.once.store import Patience, Store

_FLEETS = itertools.count(1)
REGION = "eu-west-1"


@dataclass
class Table:
    """A fleet of its own and its once table."""

    proxy: Faulty
    fleet: Fleet
    patience: Patience = Patience()  # noqa: RUF009

    @cached_property
    def client(self) -> Any:
        return boto3.client(
            "dynamodb",
            endpoint_url=self.proxy.url,
            region_name=REGION,
            aws_access_key_id="local",
            aws_secret_access_key="local",
        )

    @cached_property
    def store(self) -> Store:
        return Store(self.fleet, Random(7), self.patience)

    def ask(self, holder: Holder, *, key: str = "k", wait: float = 0) -> Claim | Found:
        """Claim a key and wait for it."""
        return claim_or_record(
            self.store, key, holder, ttl=timedelta(hours=1), wait=timedelta(seconds=wait)
        )

    def claim(self, holder: Holder, key: str = "k") -> Claim:
        claim = self.ask(holder, key=key)
        assert isinstance(claim, Claim)
        return claim

    def finish(self, claim: Claim, result: object) -> Any:
        return finish(self.store, claim, result)

    def item(self, key: str = "k") -> dict[str, Any] | None:
        """The item as it lies in the table."""
        found = self.client.get_item(TableName=self.fleet.once_table, Key={"key": {"S": key}})
        return found.get("Item")


def new_table(proxy: Faulty, patch: pytest.MonkeyPatch) -> Table:
    """Make a fleet and its once table, as `ops stores apply` does, and this process's AWS."""
    patch.setenv("AWS_ENDPOINT_URL", proxy.url)
    patch.setenv("AWS_ACCESS_KEY_ID", "local")
    patch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    fleet = Fleet.model_validate(
        {
            "name": f"fleet{next(_FLEETS)}",
            "region": REGION,
            "queues": {"work": {"tasks": ["t.*"], "lease": "30s", "time_limit": "5m"}},
        }
    )
    table = Table(proxy, fleet)
    want = next(want for want in wanted_tables(fleet) if want.name == fleet.once_table)
    for step in steps(want, None):
        getattr(table.client, step.call)(**step.arguments)
    proxy.forget()
    return table


def holder(
    message: str = "m1", receives: int = 1, owner: str | None = None, longest: float = 330
) -> Holder:
    """Who asks: by default the first receive of a message, in an attempt of its own."""
    own = f"{message}-{receives}-{time.monotonic_ns()}" if owner is None else owner
    return Holder(own, message, receives, longest, "t.mail", "id-1")
