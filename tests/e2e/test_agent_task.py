"""`ops node agent` in a task of ECS: what it says of a worker that hangs, and of one that works."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.local.aws import local_aws
from ops.local.process import start
from ops.node.bounds import ABSENT_SECONDS, DEAF_SECONDS
from tests.e2e.fleet import QUEUE, wait_for
from tests.e2e.node import Node, node
from tests.e2e.turned import Turned

# Processes start one after the other, each within seconds.
pytestmark = pytest.mark.timeout(300)

LONG_SECONDS = ABSENT_SECONDS + DEAF_SECONDS


@pytest.fixture
def on(tmp_path: Path) -> Iterator[Node]:
    (tmp_path / "aws").mkdir()
    with local_aws(tmp_path / "aws", lambda: None) as url, node(tmp_path, url) as found:
        found.id = "0123456789abcdef0123456789abcdef"
        yield found


def agent(on: Node, clock: Turned) -> None:
    """Start an agent whose clock the test turns."""
    number = len(on.agents)
    words = ["tests.e2e.ahead", str(clock.path), "node", "agent", "--queue", QUEUE, "--every", "1s"]
    on.agents.append(
        start(
            f"agent {number}",
            [sys.executable, "-m", *words],
            env=on.env(ECS_CONTAINER_METADATA_URI_V4=f"{on.machine.url}/task"),
            cwd=on.fleet.folder,
            log=on.fleet.folder / f"agent-{number}.log",
        )
    )


def turned(on: Node, clock: Turned) -> None:
    """Turn the agent's clock by more than it waits for, and wait until it has looked since."""
    clock.turn(LONG_SECONDS)
    for _ in range(3):
        at = time.time()
        on.wait_word("a word since", lambda word: word.said_at > at)  # noqa: B023


def silent(on: Node) -> None:
    """Wait until the agent has found that its worker does not answer."""
    wait_for(lambda: "no worker answers" in on.account().get("reasons", ()), "silence")


def test_a_worker_that_hangs_is_said_to_until_it_answers_and_one_that_works_is_not(
    on: Node, tmp_path: Path
) -> None:
    clock = Turned(tmp_path / "clock")
    said = tmp_path / "run/condemned"
    worker = on.fleet.start()
    agent(on, clock)
    on.wait_word("a word", lambda word: word.slots == 2)

    # One slot works for long, the other listens.
    on.fleet.submit("e2e.nap", 300.0)
    on.wait_word("a run", lambda word: word.busy == 1)
    turned(on, clock)
    assert not said.exists()
    assert on.account()["well"]

    worker.process.send_signal(signal.SIGSTOP)
    silent(on)
    clock.turn(LONG_SECONDS)
    wait_for(said.exists, f"a verdict\n{on.log}")
    assert said.read_text().startswith("no worker has answered for ")
    assert f"told unhealthy: {said.read_text()}" in on.log
    worker.process.send_signal(signal.SIGCONT)
    wait_for(lambda: not said.exists(), f"another\n{on.log}")
    on.said("told unhealthy no more")

    # Left by an agent that is killed, it is taken back by the next one, which judges anew.
    worker.process.send_signal(signal.SIGSTOP)
    silent(on)
    clock.turn(LONG_SECONDS)
    wait_for(said.exists, f"a verdict\n{on.log}")
    on.end(signal.SIGKILL)
    agent(on, clock)
    wait_for(lambda: not said.exists(), f"none\n{on.log}")
    silent(on)
    clock.turn(LONG_SECONDS)
    wait_for(said.exists, f"a verdict\n{on.log}")
    worker.process.send_signal(signal.SIGCONT)
