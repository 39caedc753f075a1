"""An engine that holds the lease of a fleet on the local AWS, and acts when it is told to."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ops.registry.lease import Lease
from ops.registry.word import Word
from ops.scaling.act import Outcome, Work, act
from ops.scaling.capacity import Capacity
from ops.scaling.capacity_ec2 import AutoScalingCapacity
from ops.scaling.capacity_ecs import ServiceCapacity
from ops.scaling.model import Action, Group, Node, Pause
from ops.scaling.sources.groups import group_of
from tests.cloud.scaling_account import Account, environment_of

TOKEN = "pause-1"


@dataclass
class Engine:
    """Acts on an account's queues under its lease."""

    account: Account
    lease: Lease
    capacities: dict[str, Capacity] = field(default_factory=dict)
    spoken: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        with environment_of(self.account.proxy.url):
            self.capacities = {
                "ec2": AutoScalingCapacity.of(self.account.fleet),
                "ecs": ServiceCapacity.of(self.account.fleet),
            }

    @classmethod
    def of(cls, account: Account, holder: str = "engine-1", seconds: float = 60) -> Engine:
        """Wait for the lease, and take it."""
        registry = account.registry(counted=False)
        while (lease := registry.take(holder, time.time(), seconds)) is None:
            time.sleep(0.05)
        return cls(account, lease)

    def act(
        self, actions: dict[str, list[Action]], holds: Callable[[], bool] = lambda: True
    ) -> dict[str, list[tuple[str, str]]]:
        """Carry actions out on the groups as they are now; return what became of each."""
        return self.act_on(
            {queue: (self.group(queue), wanted) for queue, wanted in actions.items()}, holds
        )

    def act_on(
        self,
        actions: dict[str, tuple[Group | None, Sequence[Action]]],
        holds: Callable[[], bool] = lambda: True,
    ) -> dict[str, list[tuple[str, str]]]:
        """Carry actions out on groups as they were read before."""
        runtime = self.account.settings[self.account.queues[0]].runtime
        works = [Work(queue, runtime, *todo) for queue, todo in actions.items()]
        with environment_of(self.account.proxy.url):
            found = act(
                works,
                registry=self.account.registry(),
                capacities=self.capacities,
                lease=self.lease,
                holds=holds,
            )
        for queue, (_, wanted) in actions.items():
            assert [each.action for each in found[queue]] == wanted
        return {queue: [_told(each) for each in found[queue]] for queue in actions}

    def group(self, queue: str) -> Group:
        if not self.account.ecs:
            return group_of(self.account.group(queue))
        with self.account.signals() as signals:
            group = signals.gather(time.time()).queues[queue].group.value
        assert group is not None
        return group

    def desired(self, queue: str) -> int:
        return self.group(queue).desired

    def node(self, queue: str, node: str) -> Node:
        nodes = self.account.registry(counted=False).read(time.time()).nodes[queue]
        return next(each for each in nodes if each.id == node)

    def confirmed(self, queue: str, *, ago: float = 0.0, busy: int = 0) -> str:
        """Have an instance pause, and confirm that it is idle; return its id."""
        node = next(each for each in self.account.instances(queue) if each not in self.spoken)
        self.spoken.add(node)
        item = self.account.node(queue, node)
        now = time.time() - ago
        item.report(Word(busy=busy, slots=4, paused=False), now)
        assert self.act({queue: [Pause(node, TOKEN)]}) == {queue: [("done", "")]}
        paused = Word(busy=busy, slots=4, paused=True)
        assert item.report(paused, now).token == TOKEN
        if busy == 0:
            item.confirm(TOKEN, paused, now)
        return node


def _told(outcome: Outcome) -> tuple[str, str]:
    return outcome.result, outcome.why
