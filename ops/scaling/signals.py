"""The signals of one tick, for every queue of a fleet at once: what is read, and how long it takes.

A tick of N queues on groups reads N times GetQueueAttributes, DescribeAutoScalingGroups once for
every 100 groups and the registry once; CloudWatch once a minute for every 500 queues; services add
DescribeServices for every ten. All of it runs at the same time, on as many threads as answers take
to come, and ends at a deadline: what has not answered by then is unknown for this tick.
"""

from __future__ import annotations

import datetime as dt
import time
from concurrent.futures import Future, wait
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

from ops.aws import unattended
from ops.registry.names import pin_item
from ops.scaling.model import Counts, Group, Node, Pin, QueueSnapshot, Reading
from ops.scaling.sources import ages, groups, services
from ops.scaling.sources import counts as counted
from ops.scaling.sources.ages import OldestMessages
from ops.scaling.sources.counts import QueueCounts
from ops.scaling.sources.groups import Groups
from ops.scaling.sources.services import SERVICES_A_CALL, Services
from ops.scaling.sources.troubles import TIMED_OUT, trouble
from ops.scaling.threads import Threads

if TYPE_CHECKING:
    from collections.abc import Mapping

    from boto3.session import Session
    from mypy_boto3_autoscaling import AutoScalingClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_sqs import SQSClient

    from ops.registry.registered import Registered
    from ops.scaling.settings import Settings
    from worker.fleet import Fleet

REGISTRY: Final = "dynamodb:Query"

#: An answer takes tens of milliseconds, and a call a millisecond of processor: more threads than
#: this wait for the processor and not for AWS.
THREADS: Final = 32
DEADLINE_SECONDS: Final = 6.0
_READ_SECONDS: Final = 5.0
_ATTEMPTS: Final = 2


class Registry(Protocol):
    """The registry as it is read here."""

    def read(self, now: float, *, memories: bool = True) -> Registered:
        """Return all of it, by one Query; `memories` False leaves these out.

        Raises OpsError where it cannot be read.
        """
        ...


@dataclass(frozen=True, slots=True)
class Clients:
    """The AWS clients that signals are read with; safe between threads."""

    sqs: SQSClient
    autoscaling: AutoScalingClient
    cloudwatch: CloudWatchClient
    ecs: ECSClient

    @classmethod
    def of(cls, fleet: Fleet, session: Session | None = None) -> Self:
        """Make them, with a connection for every thread. Raises OpsError as `ops.aws.sqs` does."""

        def made(service: str) -> Any:
            return unattended(
                service,
                fleet,
                read_seconds=_READ_SECONDS,
                attempts=_ATTEMPTS,
                connections=THREADS if service == "sqs" else SERVICES_A_CALL,
                session=session,
            )

        return cls(made("sqs"), made("autoscaling"), made("cloudwatch"), made("ecs"))


@dataclass(frozen=True, slots=True)
class Gathered:
    """What one tick has read."""

    queues: Mapping[str, QueueSnapshot]
    registered: Registered | None
    """The registry as it was read; None where it did not answer in time."""


class Signals:
    """Gathers the signals of a fleet, tick after tick. A context manager: its threads end with it.

    `settings` are those of the queues that are scaled, by their names.
    """

    def __init__(
        self,
        fleet: Fleet,
        settings: Mapping[str, Settings],
        clients: Clients,
        registry: Registry,
        *,
        deadline_seconds: float = DEADLINE_SECONDS,
        threads: int = THREADS,
    ) -> None:
        self._fleet = fleet.name
        self._settings = dict(settings)
        self._clients = clients
        self._registry = registry
        self._deadline_seconds = deadline_seconds
        self._names = {queue: fleet.physical_name(queue) for queue in settings}
        self._counts = QueueCounts(clients.sqs)
        self._ages = OldestMessages(clients.cloudwatch, self._names)
        self._threads = Threads(threads, "signals")
        self._reads: _Reads | None = None
        self._pins: dict[str, tuple[Pin, float]] = {}
        """By queue: its pin as it was last read, and when."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the threads end; what still waits for an answer is not waited for."""
        self._threads.close()

    def gather(self, now: float, *, memories: bool = True) -> Gathered:
        """Return a snapshot of every queue, at the deadline at the latest. Raises nothing.

        Every value says when it was taken: at `now`, if not earlier. `memories` says whether the
        registry's memories are read too.
        """
        ends = time.monotonic() + self._deadline_seconds
        self._counts.begin()
        self._reads = read = _Reads(self, now, memories)
        done, late = wait(read.all(), timeout=max(0.0, ends - time.monotonic()))
        for each in late:
            each.cancel()
        return read.gathered(done)

    def waiting_for(self) -> str:
        """Return the calls that `gather` waits for, with commas; for another thread to ask."""
        return "" if self._reads is None else ", ".join(self._reads.outstanding())

    def _pin(self, registered: Registered | None, queue: str, now: float) -> Pin | None:
        """Return a queue's pin; where it cannot be read, as it was read last.

        An order that cannot be read is not one that was taken back. Where none was ever read the
        policies decide, and take nothing away: the nodes cannot be read either.
        """
        item = pin_item(queue)
        if registered is not None and all(each.item != item for each in registered.trouble):
            pin = registered.pins.get(queue)
            if pin is None:
                self._pins.pop(queue, None)
            else:
                self._pins[queue] = pin, now
            return pin
        if queue not in self._pins:
            return None
        pin, at = self._pins[queue]
        read = f"{dt.datetime.fromtimestamp(at, dt.UTC):%H:%M:%S} UTC"
        return replace(pin, by=f"{pin.by or 'an operator'} (read at {read}, and not since)")


class _Reads:
    """The calls of one tick, the slowest first, and what they brought."""

    def __init__(self, signals: Signals, now: float, memories: bool) -> None:
        s, self._now = signals, now
        self._signals = signals
        submit = s._threads.submit
        on_ecs = [queue for queue, each in s._settings.items() if each.runtime == "ecs"]
        self._groups = Groups(s._clients.autoscaling, s._fleet)
        self._services = Services(s._clients.ecs, s._fleet)
        self._registry = submit(s._registry.read, now, memories=memories)
        self._on_groups: list[Future[None]] = []
        if len(on_ecs) < len(s._settings):
            self._on_groups.append(submit(self._groups.read))
        self._on_services = [
            submit(self._services.read, on_ecs[first : first + SERVICES_A_CALL])
            for first in range(0, len(on_ecs), SERVICES_A_CALL)
        ]
        self._ages = submit(s._ages.refresh, now) if s._ages.due(now) else None
        self._counts = {
            queue: submit(s._counts.read, name, now) for queue, name in s._names.items()
        }

    def all(self) -> list[Future[Any]]:
        return [future for futures in self._by_call().values() for future in futures]

    def outstanding(self) -> list[str]:
        """Return the calls that have not answered, each once, with how many of them."""
        late = {
            call: sum(not future.done() for future in futures)
            for call, futures in self._by_call().items()
        }
        return [f"{call} ({n} times)" if n > 1 else call for call, n in late.items() if n]

    def _by_call(self) -> dict[str, list[Future[Any]]]:
        return {
            REGISTRY: [self._registry],
            groups.SOURCE: [*self._on_groups],
            services.SOURCE: [*self._on_services],
            ages.SOURCE: [] if self._ages is None else [self._ages],
            counted.SOURCE: [*self._counts.values()],
        }

    def gathered(self, done: set[Future[Any]]) -> Gathered:
        registered, why = self._registered(done)
        late = "" if self._ages is None or self._ages in done else TIMED_OUT
        queues = {}
        for queue in self._signals._settings:
            nodes = _nodes(registered, why, queue, self._now)
            queues[queue] = QueueSnapshot(
                queue=queue,
                now=self._now,
                counts=self._counts_of(queue, done),
                oldest=self._signals._ages.reading(queue, nodes.value or (), self._now, late),
                group=self._group_of(queue, nodes),
                nodes=nodes,
                pin=self._signals._pin(registered, queue, self._now),
            )
        return Gathered(queues, registered)

    def _registered(self, done: set[Future[Any]]) -> tuple[Registered | None, str]:
        if self._registry not in done:
            return None, TIMED_OUT
        try:
            return self._registry.result(), ""
        except Exception as error:  # a registry that cannot be read costs its nodes, not the tick
            return None, trouble(error, REGISTRY)

    def _counts_of(self, queue: str, done: set[Future[Any]]) -> Reading[Counts]:
        future = self._counts[queue]
        if future not in done:
            return Reading(None, self._now, counted.SOURCE, TIMED_OUT)
        return future.result()

    def _group_of(self, queue: str, nodes: Reading[tuple[Node, ...]]) -> Reading[Group]:
        each = self._signals._settings[queue]
        if each.runtime == "ec2":
            return self._groups.reading(queue, self._now, predicted=each.predict == "aws")
        bounds = (window.maximum for window in each.windows if window.maximum is not None)
        maximum = max((each.maximum, *bounds))
        return self._services.reading(queue, nodes, self._now, maximum=maximum)


def _nodes(
    registered: Registered | None, why: str, queue: str, now: float
) -> Reading[tuple[Node, ...]]:
    if registered is None:
        return Reading(None, now, REGISTRY, why)
    if said := registered.trouble_of(queue):
        return Reading(None, now, REGISTRY, f"malformed: {said}")
    return Reading(registered.nodes.get(queue, ()), now, REGISTRY)
