"""A fleet whose stacks are there, on a local AWS of its own, and stacks made beside `ops`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops.local.record import calls
from tests.cloud.local_stacks import until
from tests.cloud.stack_shop import Shop, shop_alone

ONE = {"mail": ""}
TOPIC: dict[str, Any] = {"Type": "AWS::SNS::Topic"}


@dataclass(frozen=True, slots=True)
class Begun:
    """A fleet `again`, what its first `apply` said, and the calls of CloudFormation it made."""

    shop: Shop
    state: Path
    shown: str
    called: list[str]


@contextmanager
def begin(folder: Path) -> Iterator[Begun]:
    """Bring up the fleet `again` of one queue, which is there before its stack is."""
    state = folder / "state"
    with shop_alone(folder, "again") as shop:
        shop.write(ONE)
        shop.ok("queues", "apply", "--yes")
        ran = shop.ok("stack", "apply", "--yes")
        called = [call.operation for call in calls(state) if call.service == "cloudformation"]
        yield Begun(shop, state, ran.stdout + ran.stderr, called)


def made(shop: Shop, queue: str, resources: dict[str, Any]) -> str:
    """Create a queue's stack by hand, out of something else; return its name."""
    name = f"{shop.name}-queue-{queue}"
    shop.client("cloudformation").create_stack(
        StackName=name,
        TemplateBody=json.dumps({"Resources": resources}),
        Tags=[
            {"Key": "fleet:name", "Value": shop.name},
            {"Key": "fleet:queue", "Value": queue},
        ],
    )
    return name


def rests(shop: Shop, stack: str, status: str) -> None:
    """Wait until a stack has a status, or is `gone`."""
    until(lambda: shop.stacks().get(stack, "gone") == status or None, f"{stack}: {status}")
