"""`ops node agent` as a real process beside real workers: it registers, reports and obeys."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from ops.local.aws import local_aws
from ops.scaling.model import Wanted
from tests.e2e.fleet import QUEUE, wait_for
from tests.e2e.node import Node, answering, node
from tests.faulty import Fault

# Many processes start one after the other, each within seconds.
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with local_aws(tmp_path_factory.mktemp("aws"), lambda: None) as url:
        yield url


@pytest.fixture
def on(aws: str, tmp_path: Path) -> Iterator[Node]:
    with node(tmp_path, aws) as found:
        yield found


def test_it_registers_and_tells_what_its_worker_does(on: Node) -> None:
    worker = on.fleet.start(FLEET_RELEASE="r-7")
    on.agent()
    word = on.wait_word("a word", lambda word: word.slots == 2)
    assert (word.busy, word.paused, word.release, word.wanted) == (0, False, "r-7", Wanted.RUN)
    keys = on.fleet.submit("e2e.nap", 0.3, count=3)
    wait_for(lambda: on.fleet.finished() >= set(keys), "three done", worker)
    on.fleet.submit("e2e.nap", 60.0)
    wait_for(lambda: len(on.fleet.runs()) == 4, "one running", worker)
    word = on.wait_word("all that", lambda word: word.busy == 1 and word.begun == 4)
    assert len(word.recent) == 3
    assert all(0.3 <= ran < 20 for _, ran in word.recent)
    (started,) = word.started
    assert abs(started - on.fleet.runs()[-1].started_at) < 5
    assert word.longest_wait is not None
    assert word.polled is not None
    assert word.joined_at - 60 < word.polled <= time.time()
    assert on.registry.read(time.time()).groups[on.id] == on.machine.group

    said = json.loads(on.ops("node", "ping", "--queue", QUEUE, "--json").stdout)
    assert (said["node"], said["well"], said["wanted"]) == (on.id, True, "run")
    done = on.ops("node", "ping", "--queue", QUEUE)
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 1), done
    assert f"worker {worker.process.pid} running, 1 of 2 slots busy" in done.stdout
    assert on.end() == 0
    assert worker.alive()
    assert on.word() is not None
    done = on.ops("node", "ping", "--queue", QUEUE)
    assert done.returncode == 3
    assert "no agent answers" in done.stdout
    assert not on.path("agent").exists()


def test_the_engine_pauses_claims_and_resumes_it(on: Node) -> None:
    worker = on.fleet.start()
    on.agent()
    on.wait_word("a word", lambda word: word.slots == 2)
    (key,) = on.fleet.submit("e2e.nap", 8.0)
    wait_for(on.fleet.runs, "a run", worker)
    on.want(Wanted.PAUSE, "t1")
    word = on.wait_word("its pause", lambda word: word.paused)
    assert word.busy == 1
    assert not on.claim("t1")
    word = on.wait_word("it to confirm", lambda word: word.confirmed == "t1")
    assert (word.busy, word.paused) == (0, True)
    assert on.fleet.finished() == {key}
    assert worker.status()["phase"] == "paused"

    on.want(Wanted.RUN, "t2")
    on.wait_word("its resuming", lambda word: not word.paused)
    wait_for(lambda: worker.status()["phase"] == "running", "a running worker", worker)
    on.want(Wanted.PAUSE, "t3")
    on.wait_word("it to confirm", lambda word: word.confirmed == "t3")
    assert on.claim("t3")
    waiting = on.fleet.submit("e2e.nap", 0.1, count=3)
    done = on.ops("node", "resume")
    assert (done.returncode, done.stdout) == (1, "")
    assert "claimed" in done.stderr
    # A worker that is started anew on a claimed node receives nothing either.
    on.fleet.kill(worker)
    fresh = on.fleet.start(ready=False)
    answering(fresh)
    assert fresh.status()["phase"] == "paused"
    on.said("its end is claimed")
    wait_for(lambda: str(fresh.process.pid) in on.log, "it to be seen")
    assert fresh.status()["polls"] == 0
    assert not on.fleet.finished() & set(waiting)


def test_an_operators_hold_stands_against_the_engine_and_new_workers(on: Node) -> None:
    worker = on.fleet.start()
    on.agent()
    on.wait_word("a word", lambda word: word.slots == 2)
    assert on.ops("node", "pause").returncode == 0
    word = on.wait_word("its pause", lambda word: word.paused)
    assert word.wanted is Wanted.RUN
    on.want(Wanted.PAUSE, "t1")
    on.said("does not receive: the scaling engine asks for it")
    told_at = word.said_at
    word = on.wait_word("two more words", lambda word: word.said_at > told_at + 2)
    assert word.confirmed == "", "a held node confirms nothing"
    on.fleet.kill(worker)
    fresh = on.fleet.start(ready=False)
    answering(fresh)
    assert fresh.status()["phase"] == "paused"

    done = on.ops("node", "resume")
    assert (done.returncode, done.stderr) == (0, ""), done
    account = on.account()
    assert (account["receives"], account["because"]) == (True, "")
    assert {each["phase"] for each in account["workers"]} == {"running"}
    word = on.wait_word("its resuming", lambda word: not word.paused)
    assert (word.wanted, word.token[:9]) == (Wanted.RUN, "withdrawn")
    assert fresh.status()["phase"] == "running"
    assert not on.path("held").exists()
    assert not on.path("paused").exists()


def test_a_new_agent_takes_up_the_duty_of_one_that_was_killed(on: Node) -> None:
    worker = on.fleet.start()
    on.agent()
    on.wait_word("a word", lambda word: word.slots == 2)
    on.want(Wanted.PAUSE, "t1")
    on.wait_word("it to confirm", lambda word: word.confirmed == "t1")
    assert on.end(signal.SIGKILL) == -signal.SIGKILL
    done = on.ops("node", "resume")
    assert done.returncode == 1
    assert "stays paused" in done.stderr
    # Nothing is heard: it stays as the agent before it had left it.
    on.proxy.fail(Fault("silent"))
    on.agent()
    on.said("does not receive: the scaling engine asks for it")
    wait_for(lambda: on.account().get("node") == on.id, "it to know its node")
    assert worker.status()["phase"] == "paused"
    on.proxy.clear()
    word = on.wait_word("it to confirm again", lambda word: word.confirmed == "t1")
    assert word.paused
    on.want(Wanted.RUN, "t2")
    on.wait_word("its resuming", lambda word: not word.paused)
    wait_for(lambda: worker.status()["phase"] == "running", "a running worker", worker)


def test_what_cannot_be_written_is_told_once_and_costs_no_more_than_else(on: Node) -> None:
    for kind in ("memory", "paused"):
        on.path(kind).mkdir(parents=True)
    agent = on.agent()
    wait_for(lambda: on.proxy.count("UpdateItem") >= 4, "four words")
    busy = sum(psutil.Process(agent.process.pid).cpu_times()[:2])
    wait_for(lambda: on.proxy.count("UpdateItem") >= 8, "four more")
    # A step a second, and not one after the other without a pause.
    assert sum(psutil.Process(agent.process.pid).cpu_times()[:2]) - busy < 2.0
    assert on.end() == 0
    lines = on.log.splitlines()
    assert sum("could not be kept" in line for line in lines) == 1
    assert sum("Is a directory" in line for line in lines) <= 4
    assert len(lines) < 20
