"""An agent's parts, made from the manifest and the environment."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Final

from ops.aws import session_of, unattended
from ops.errors import Exit, OpsError
from ops.node.bounds import WORD_SECONDS
from ops.node.doing import Hands
from ops.node.group import Group
from ops.node.memory import Settings
from ops.node.metadata import Metadata
from ops.node.place import place
from ops.registry.node import NodeItem
from worker.fleet import UnknownQueueError

if TYPE_CHECKING:
    from boto3.session import Session
    from mypy_boto3_dynamodb import DynamoDBClient

    from ops.node.sight import Place
    from worker.fleet import Fleet

QUEUE_VARIABLE: Final = "FLEET_QUEUE"
_REGISTRY_SECONDS: Final = 3.0
_REGISTRY_ATTEMPTS: Final = 2


def settings_of(
    fleet: Fleet,
    queue: str | None,
    *,
    word_seconds: float = WORD_SECONDS,
    env: Mapping[str, str] = os.environ,
) -> Settings:
    """Return what the manifest says of the node's queue. Raises OpsError (exit 2)."""
    named = queue or env.get(QUEUE_VARIABLE)
    if not named:
        raise OpsError(
            f"{QUEUE_VARIABLE}: expected the queue that this node serves, found none: set it, or "
            f"name one with --queue: {', '.join(fleet.queues)}",
            Exit.USAGE,
        )
    try:
        found = fleet.queue(named)
    except UnknownQueueError as error:
        raise OpsError(f"{fleet.path}: {error}", Exit.USAGE) from error
    return Settings(
        fleet=fleet.name,
        queue=found.name,
        slots=found.concurrency,
        drain_budget_seconds=found.drain_budget.total_seconds(),
        heartbeat_seconds=found.nodes.heartbeat.total_seconds(),
        word_seconds=word_seconds,
    )


class Reach:
    """The clients of one agent, made when they are first used; safe between threads."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._lock = threading.Lock()
        self._session: Session | None = session_of(fleet)
        self._group: Group | None = None
        self._registry: DynamoDBClient | None = None

    def group(self) -> Group:
        """Return what calls Auto Scaling."""
        with self._lock:
            if self._group is None:
                self._group = Group.of(self._fleet, self._shared())
            return self._group

    def registry(self) -> DynamoDBClient:
        """Return a client of the registry."""
        with self._lock:
            if self._registry is None:
                self._registry = unattended(
                    "dynamodb",
                    self._fleet,
                    read_seconds=_REGISTRY_SECONDS,
                    attempts=_REGISTRY_ATTEMPTS,
                    session=self._shared(),
                )
            return self._registry

    def forget(self) -> None:
        """Have all be made anew: a client has the credentials that were there when it was made."""
        with self._lock:
            self._session = self._group = self._registry = None

    def _shared(self) -> Session:
        if self._session is None:
            self._session = session_of(self._fleet)
        return self._session


def hands_of(
    fleet: Fleet, settings: Settings, node_id: str | None, say: Callable[[str], None]
) -> Hands:
    """Return what an agent reaches the world with. Raises OpsError where there is no region."""
    reach = Reach(fleet)
    metadata = Metadata()

    def item(at: Place) -> NodeItem:
        return NodeItem(
            reach.registry(),
            fleet.registry_table,
            fleet.name,
            settings.queue,
            at.id,
            group=at.group,
        )

    return Hands(
        name=settings.name,
        metadata=metadata,
        place=partial(place, node_id, metadata),
        group=reach.group,
        item=item,
        forget=reach.forget,
        say=say,
    )
