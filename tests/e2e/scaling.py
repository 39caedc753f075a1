"""`ops scaling run` as processes on a fleet of the local AWS, under a clock that a test turns."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs

from ops.local.aws import local_environment
from ops.local.process import Child, start
from tests.cloud.scaling_account import Account
from tests.e2e.fleet import PATIENCE_SECONDS, wait_for
from tests.e2e.turned import Turned
from tests.faulty import Faulty
from tests.nodes import Nodes

ROOT = Path(__file__).resolve().parents[2]
TERMINATE = "TerminateInstanceInAutoScalingGroup"


class Daemon:
    """One engine's process."""

    def __init__(self, child: Child, journal: Path) -> None:
        self.child, self.journal = child, journal

    @property
    def log(self) -> str:
        return self.child.log.read_text()

    def wait(self, what: str) -> None:
        wait_for(lambda: what in self.log or not self.child.running(), f"{what!r} in {self.log}")
        assert what in self.log, self.log

    def deliver(self, number: signal.Signals) -> None:
        self.child.signal(number)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.child.signal(number)
        return self.child.process.wait(PATIENCE_SECONDS)


class Scaled:
    """A fleet with an account, a proxy, nodes that follow its groups, and engines."""

    def __init__(self, folder: Path, account: Account) -> None:
        self.folder, self.account = folder, account
        self.proxy = account.proxy
        self.clock = Turned(folder / "clock")
        self.nodes = Nodes(account.client("dynamodb"), account.table, account.name)
        self.daemons: list[Daemon] = []
        queues = "".join(
            f'[queues.{q}]\ntasks = ["{q}.*"]\nconcurrency = 4\nnodes.max = 7\n'
            for q in account.queues
        )
        (folder / "fleet.toml").write_text(
            f'name = "{account.name}"\nregion = "{account.fleet.region}"\n{queues}'
        )

    def env(self, **more: str) -> dict[str, str]:
        return {**local_environment(self.proxy.url), "PYTHONPATH": str(ROOT), **more}

    def daemon(self, *args: str, **env: str) -> Daemon:
        number = len(self.daemons)
        journal = self.folder / f"journal-{number}"
        module = ["-m", "tests.e2e.turned_ops", str(self.clock.path)]
        child = start(
            f"engine {number}",
            [sys.executable, *module, "scaling", "run", "--journal", str(journal), *args],
            env=self.env(**env),
            cwd=self.folder,
            log=self.folder / f"engine-{number}.log",
        )
        self.daemons.append(Daemon(child, journal))
        return self.daemons[-1]

    def ops(self, *args: str, input_: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "tests.e2e.turned_ops", str(self.clock.path), *args],
            env=self.env(),
            cwd=self.folder,
            input=input_,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    def send(self, queue: str, count: int) -> None:
        sqs = self.account.client("sqs")
        url = sqs.get_queue_url(QueueName=self.account.fleet.physical_name(queue))["QueueUrl"]
        for _ in range(count):
            sqs.send_message(QueueUrl=url, MessageBody="x")

    def purge(self, queue: str) -> None:
        sqs = self.account.client("sqs")
        url = sqs.get_queue_url(QueueName=self.account.fleet.physical_name(queue))["QueueUrl"]
        sqs.purge_queue(QueueUrl=url)

    def desired(self, queue: str) -> int:
        found: int = self.account.group(queue)["DesiredCapacity"]
        return found

    def follow(self) -> None:
        """Every node that is there speaks, and those that are gone end."""
        for queue in self.account.queues:
            there = self.account.instances(queue)
            group = f"{self.account.name}-{queue}"
            self.nodes.follow(queue, group, there, clock=self.clock.time)
        self.nodes.step()

    @contextmanager
    def following(self) -> Iterator[None]:
        """The nodes speak over and over in a thread."""
        over = threading.Event()

        def speak() -> None:
            while not over.wait(0.1):
                self.follow()

        thread = threading.Thread(target=speak)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def decrements(self) -> Counter[str]:
        """How often each instance was ended with a decrement, answered or not."""
        found: Counter[str] = Counter()
        for call in self.proxy.calls(TERMINATE):
            asked = parse_qs(call.body.decode())
            if asked["ShouldDecrementDesiredCapacity"] == ["true"]:
                found[asked["InstanceId"][0]] += 1
        return found

    def close(self) -> None:
        for daemon in self.daemons:
            daemon.child.end()


@contextmanager
def scaled(folder: Path, aws: str, *queues: str) -> Iterator[Scaled]:
    """A fleet of these queues, nothing running yet."""
    with Faulty(aws) as proxy:
        account = Account(aws, proxy, list(queues) or ["video"])
        account.create(maximum=7)
        proxy.forget()
        fleet = Scaled(folder, account)
        try:
            yield fleet
        finally:
            fleet.close()


def resident_mb(pid: int) -> float:
    """How much memory a process has in RAM."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) / 1024


def stopped(pid: int) -> bool:
    """Whether a process is stopped."""
    return "T (stopped)" in Path(f"/proc/{pid}/status").read_text()
