"""A node in a test: a fleet of one queue, its registry, its machine, and its agents' processes."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3

from ops.local.process import Child, start
from ops.registry.lease import Lease
from ops.registry.registry import Registry
from ops.scaling.model import Node as Registered
from ops.scaling.model import Wanted
from ops.stores.tables import steps
from ops.stores.wanted import wanted_tables
from tests.e2e.fleet import NAME, PATIENCE_SECONDS, QUEUE, Fleet, Worker, one_queue, wait_for
from tests.e2e.surroundings import Machine
from tests.faulty import Faulty
from worker import control
from worker.fleet import load


@dataclass
class Node:
    """The node and what surrounds it."""

    fleet: Fleet
    machine: Machine
    proxy: Faulty
    registry: Registry
    lease: Lease
    agents: list[Child] = field(default_factory=list)
    id: str = ""

    def __post_init__(self) -> None:
        self.id = self.id or self.machine.instance

    def env(self, **more: str) -> dict[str, str]:
        return self.fleet.env(AWS_ENDPOINT_URL=self.proxy.url, **self.machine.env(), **more)

    def agent(self, *flags: str, every: str = "1s", **env: str) -> Child:
        """Start an agent."""
        number = len(self.agents)
        command = [sys.executable, "-m", "ops", "node", "agent", "--queue", QUEUE]
        child = start(
            f"agent {number}",
            [*command, "--every", every, *flags],
            env=self.env(**env),
            cwd=self.fleet.folder,
            log=self.fleet.folder / f"agent-{number}.log",
        )
        self.agents.append(child)
        return child

    @property
    def log(self) -> str:
        """What the last agent has said."""
        return self.agents[-1].log.read_text()

    def ops(self, *args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "ops", *args],
            env=self.env(),
            cwd=self.fleet.folder,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    def said(self, what: str) -> None:
        """Wait until the last agent has said this."""
        wait_for(lambda: what in self.log or not self.agents[-1].running(), f"{what!r}")
        assert what in self.log, self.log

    def account(self) -> dict[str, Any]:
        """What the agent says of the node; empty while none answers."""
        try:
            return control.ask(self.path("agent"), {"verb": "status"})
        except control.Unreachable:
            return {}

    def path(self, kind: str) -> Path:
        """A file of the node's in the runtime folder: agent, memory, held, paused."""
        return self.fleet.folder / "run" / f"{NAME}-{QUEUE}.{kind}"

    def word(self) -> Registered | None:
        """What the registry has of the node."""
        found = self.registry.read(time.time())
        assert not found.trouble, found.trouble
        nodes = found.nodes.get(QUEUE, ())
        return next((node for node in nodes if node.id == self.id), None)

    def want(self, wanted: Wanted, token: str) -> None:
        """Ask the node for something, as the scaling engine does."""
        assert self.registry.want(QUEUE, self.id, wanted, token, self.lease)

    def claim(self, token: str) -> bool:
        """Claim the node's end, as the scaling engine does."""
        now = time.time()
        return self.registry.claim(QUEUE, self.id, token, now, self.lease, fresh_seconds=45)

    def wait_word(self, what: str, holds: Callable[[Registered], bool]) -> Registered:
        """Wait until the registry's word of the node is as it should be."""

        def found() -> Registered | None:
            word = self.word()
            return word if word is not None and holds(word) else None

        word = wait_for(found, f"{what}; it is {self.word()}\n{self.log[-2000:]}")
        assert isinstance(word, Registered)
        return word

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End the last agent by a signal; return its exit status."""
        self.agents[-1].signal(number)
        return self.agents[-1].process.wait(PATIENCE_SECONDS)


def answering(worker: Worker) -> None:
    """Wait until a worker that may not receive has come up."""

    def answers() -> bool:
        # Its socket is there a moment before it listens.
        with suppress(control.Unreachable):
            return "slots" in worker.status()
        return False

    wait_for(answers, "its start", worker)


@contextmanager
def node(folder: Path, aws: str, **table: object) -> Iterator[Node]:
    """A fleet of one queue with a registry on the local AWS `aws`, and nothing running yet."""
    table = {"poll": "1s", "nodes.heartbeat": "30s", **table}
    with one_queue(folder, **table) as fleet, Faulty(aws) as proxy, Machine() as machine:
        declared = load(fleet.folder / "fleet.toml")
        client: Any = boto3.client(
            "dynamodb",
            endpoint_url=aws,
            region_name="eu-west-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
        )
        name = declared.registry_table
        if name in client.list_tables()["TableNames"]:
            client.delete_table(TableName=name)
        (want,) = [want for want in wanted_tables(declared) if want.name == name]
        for step in steps(want, None):
            getattr(client, step.call)(**step.arguments)
        registry = Registry(client, name, NAME)
        lease = registry.take("test", time.time(), 900)
        assert lease is not None
        found = Node(fleet, machine, proxy, registry, lease)
        try:
            yield found
        finally:
            for agent in found.agents:
                agent.end()
