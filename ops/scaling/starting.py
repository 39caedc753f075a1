"""An engine's parts, made from the manifest: its clients and how each queue is scaled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ops.aws import session_of, unattended
from ops.errors import Exit, OpsError
from ops.registry.registry import Registry
from ops.scaling.act import THREADS
from ops.scaling.capacity_ec2 import AutoScalingCapacity
from ops.scaling.capacity_ecs import ServiceCapacity
from ops.scaling.engine import LEASE_AT_LEAST_SECONDS, holder
from ops.scaling.journal_file import FileJournal
from ops.scaling.journal_logs import LogsJournal
from ops.scaling.looking import Parts
from ops.scaling.settings import settings_of
from ops.scaling.signals import Clients, Signals

if TYPE_CHECKING:
    from ops.scaling.capacity import Capacity
    from ops.scaling.journal_file import Journal
    from worker.fleet import Fleet

#: The time between two ticks unless it is told otherwise; some decisions look one tick ahead.
TICK_SECONDS: Final = 15.0
#: What a journal's place begins with where it is a CloudWatch log group.
LOGS: Final = "logs:"
_REGISTRY_SECONDS: Final = 3.0
_REGISTRY_ATTEMPTS: Final = 2
#: A lease of three ticks stands one that is slow.
_LEASE_TICKS: Final = 3


@contextmanager
def parts_of(fleet: Fleet, queues: Sequence[str] = ()) -> Iterator[Parts]:
    """Make an engine's parts for all queues, or for some; the threads end with the block.

    Raises OpsError where no client can be made.
    """
    settings = {
        name: settings_of(queue)
        for name, queue in fleet.queues.items()
        if not queues or name in queues
    }
    session = session_of(fleet)
    client = unattended(
        "dynamodb",
        fleet,
        read_seconds=_REGISTRY_SECONDS,
        attempts=_REGISTRY_ATTEMPTS,
        session=session,
    )
    registry = Registry(client, fleet.registry_table, fleet.name)
    runtimes = {each.runtime for each in settings.values()}
    capacities: dict[str, Capacity] = {}
    if "ec2" in runtimes:
        capacities["ec2"] = AutoScalingCapacity.of(fleet, THREADS, session)
    if "ecs" in runtimes:
        capacities["ecs"] = ServiceCapacity.of(fleet, THREADS, session)
    with Signals(fleet, settings, Clients.of(fleet, session), registry) as signals:
        yield Parts(settings, signals, registry, capacities)


def journal_at(fleet: Fleet, place: str) -> Journal:
    """Return the journal at a file's path, or in `logs:GROUP`.

    Raises OpsError, also where no file can be written there: an engine that is started to keep a
    journal is not to run on without one.
    """
    if not place.startswith(LOGS):
        return FileJournal(_writable(Path(place)))
    group = place.removeprefix(LOGS)
    if not group:
        raise OpsError(
            "journal: expected a log group after logs:, got none: write logs:/fleet/scaling",
            Exit.USAGE,
        )
    return LogsJournal.of(fleet, group, holder())


def _writable(path: Path) -> Path:
    try:
        with path.open("ab"):
            return path
    except OSError as error:
        raise OpsError(
            f"--journal {path}: expected a file that can be written, got: {error.strerror}: "
            "make its folder, or name another place",
            Exit.USAGE,
        ) from None


def lease_seconds(tick_seconds: float) -> float:
    """Return how long a lease is taken for."""
    return max(LEASE_AT_LEAST_SECONDS, _LEASE_TICKS * tick_seconds)
