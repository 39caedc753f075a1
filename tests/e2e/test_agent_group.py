"""`ops node agent` and its machine and group: hooks, spot notices, faults, being replaced."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.local.aws import local_aws
from tests.e2e.fleet import QUEUE, wait_for
from tests.e2e.node import Node, answering, node
from tests.e2e.surroundings import GROUP_TAG
from tests.faulty import Fault

NO_QUEUE = (
    "FLEET_QUEUE: expected the queue that this node serves, found none: set it, or name one with "
    f"--queue: {QUEUE}\n"
)
JOIN, LEAVE, BEAT = "fleet-join", "fleet-leave", "RecordLifecycleActionHeartbeat"
COMPLETE = "CompleteLifecycleAction"


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


def test_it_joins_once_its_worker_receives_and_leaves_once_it_has_drained(on: Node) -> None:
    on.machine.launched()
    on.agent()
    on.wait_word("a word without a worker", lambda word: word.slots == 2)
    assert not on.machine.called(COMPLETE)
    # What Auto Scaling refuses is asked again.
    on.machine.refusals.append(("Throttling", "Rate exceeded"))
    on.machine.refusals.append(("AccessDenied", "not allowed"))
    worker = on.fleet.start()
    wait_for(lambda: not on.machine.waits, "it to join")
    (*_, joined) = on.machine.called(COMPLETE, LifecycleHookName=JOIN)
    assert joined["LifecycleActionResult"] == "CONTINUE"
    assert (joined["InstanceId"], joined["AutoScalingGroupName"]) == (on.id, on.machine.group)
    on.said("allow autoscaling:CompleteLifecycleAction for these credentials")

    (key,) = on.fleet.submit("e2e.nap", 15.0)
    wait_for(on.fleet.runs, "a run", worker)
    on.machine.terminated()
    wait_for(lambda: worker.status()["phase"] == "draining", "a drain", worker)
    # The agent that is killed meanwhile, and the next one, end nothing and undo nothing.
    on.end(signal.SIGKILL)
    on.agent()
    # The hook is kept open by the agents and not by chance.
    wait_for(lambda: len(on.machine.called(BEAT, LifecycleHookName=LEAVE)) >= 2, "heartbeats")
    assert worker.wait(80) == 0
    assert on.fleet.finished() == {key}
    wait_for(lambda: not on.machine.waits, "the hook's completion")
    assert on.machine.called(COMPLETE, LifecycleHookName=LEAVE)
    assert on.word() is None
    on.said("the leaving hook is completed")
    assert on.agents[-1].running()


def test_a_spot_notice_ends_what_a_termination_would_have_waited_for(on: Node) -> None:
    worker = on.fleet.start()
    on.agent()
    on.wait_word("a word", lambda word: word.slots == 2)
    on.fleet.submit("e2e.nap", 300.0)
    wait_for(on.fleet.runs, "a run", worker)
    on.machine.terminated()
    wait_for(lambda: worker.status()["phase"] == "draining", "a drain", worker)
    assert worker.status()["deadline_in_seconds"] > 120
    on.machine.reclaimed(35)
    wait_for(lambda: worker.status()["deadline_in_seconds"] < 15, "the nearer deadline", worker)
    assert worker.status()["spot"] is True
    on.machine.reclaimed(110)  # a later one changes nothing
    assert worker.wait(60) == 0
    assert "its spot instance is taken back" in worker.log
    on.fleet.sqs.wait_for(on.fleet.queue_name, lambda c: (c.visible, c.in_flight) == (1, 0), 2)
    wait_for(lambda: not on.machine.waits, "the hook's completion")
    assert on.word() is None


def test_a_worker_that_dies_over_and_over_has_the_node_replaced(on: Node) -> None:
    on.agent()
    for number in range(5):
        assert not on.machine.called("SetInstanceHealth")
        worker = on.fleet.start()
        # Every death is seen by itself, as the kernel and systemd leave the time for.
        on.said(f"workers: {worker.process.pid}")
        on.fleet.kill(worker)
        on.said(f"workers died: {number + 1} lately")
    wait_for(lambda: on.machine.called("SetInstanceHealth"), "its end")
    (told,) = on.machine.called("SetInstanceHealth")
    assert (told["InstanceId"], told["HealthStatus"]) == (on.id, "Unhealthy")
    assert told["ShouldRespectGracePeriod"] == "false"
    on.said("told unhealthy: its worker died 5 times within 300 s")
    on.fleet.start()
    on.wait_word("a word", lambda word: word.slots == 2)
    assert len(on.machine.called("SetInstanceHealth")) == 1
    assert on.ops("node", "ping", "--queue", QUEUE).returncode == 3


def test_it_does_not_know_who_it_is_until_the_metadata_service_answers(on: Node) -> None:
    on.machine.silent.set()
    on.agent()
    on.said("identify: ")
    worker = on.fleet.start(ready=False)
    answering(worker)
    assert (worker.status()["phase"], worker.status()["polls"]) == ("paused", 0)
    del on.machine.metadata[GROUP_TAG]
    on.machine.silent.clear()
    on.wait_word("a word", lambda word: not word.paused)
    assert worker.status()["phase"] == "running"
    on.said(f"node {on.id}, group not known: expected the tag aws:autoscaling:groupName")
    on.machine.metadata[GROUP_TAG] = on.machine.group
    on.said(f"node {on.id}, group {on.machine.group}")

    made = on.machine.tokens_made
    on.machine.expire_tokens()
    wait_for(lambda: on.machine.tokens_made > made, "a new token")
    on.machine.silent.set()
    on.said("metadata: ")
    assert on.ops("node", "ping", "--queue", QUEUE).returncode == 0
    on.machine.silent.clear()
    on.machine.launched()
    wait_for(lambda: not on.machine.waits, "it to join")


def test_without_a_registry_it_waits_and_then_receives_and_goes_on_receiving(on: Node) -> None:
    on.proxy.fail(Fault("error", action="UpdateItem", code="ThrottlingException"))
    on.agent()
    on.said("does not receive: the registry has not answered yet")
    worker = on.fleet.start(ready=False)
    answering(worker)
    assert worker.status()["phase"] == "paused"
    on.said("receives, with nothing heard of the registry")
    wait_for(lambda: worker.status()["phase"] == "running", "a running worker", worker)
    done = on.ops("node", "ping", "--queue", QUEUE)
    assert done.returncode == 3
    assert "the registry has not answered yet" in done.stdout
    on.proxy.clear()
    on.wait_word("a word", lambda word: not word.paused)
    on.proxy.fail(Fault("silent"))
    on.said("speak: AWS: speaking to e2e-registry")
    keys = on.fleet.submit("e2e.nap", 0.1, count=3)
    wait_for(lambda: on.fleet.finished() == set(keys), "three done", worker)


def test_credentials_that_are_refused_are_looked_up_anew(on: Node) -> None:
    """The metadata service hung as they ended, so botocore does not look again for minutes."""

    def give(key: str) -> None:
        there = {"Code": "Success", "AccessKeyId": key, "SecretAccessKey": "s", "Token": "t"}
        of = "iam/security-credentials/"
        on.machine.metadata[of] = "node"
        on.machine.metadata[f"{of}node"] = json.dumps(
            {**there, "Expiration": "2099-01-01T00:00:00Z"}
        )

    def used(key: str) -> bool:
        made = [call for call in on.proxy.calls("UpdateItem") if call.struck is None]
        return any(f"Credential={key}/" in call.headers["Authorization"] for call in made)

    give("first")
    on.agent(AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="", AWS_EC2_METADATA_DISABLED="false")
    wait_for(lambda: used("first"), "a word")
    give("second")
    on.proxy.fail(Fault("error", action="UpdateItem", code="ExpiredTokenException", calls=1))
    wait_for(lambda: used("second"), f"a word with the next ones\n{on.log}")


def test_systemd_hears_that_it_is_ready_and_alive(on: Node, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(40)
        on.agent(NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="4000000")
        heard: list[str] = []
        while heard.count("WATCHDOG=1") < 2 or "READY=1" not in heard:
            heard.append(systemd.recv(4096).decode())
        # The worker's unit waits for it: it must not wait for a worker.
        assert on.word() is not None
        assert on.end() == 0
        while "STOPPING=1" not in heard:
            heard.append(systemd.recv(4096).decode())


def test_a_task_of_ecs_a_machine_that_was_told_and_a_second_agent(on: Node) -> None:
    on.fleet.start()
    on.agent("--instance-id", "box-1")
    on.id = "box-1"
    on.wait_word("a word", lambda word: word.slots == 2)
    second = on.agent("--instance-id", "box-2")
    assert second.process.wait(40) == 1
    assert "expected no other agent" in on.log
    assert "Traceback" not in on.log
    on.agents.pop()
    on.end()
    on.agent(ECS_CONTAINER_METADATA_URI_V4=f"{on.machine.url}/task")
    on.id = "0123456789abcdef0123456789abcdef"
    word = on.wait_word("a word", lambda word: word.slots == 2)
    assert on.registry.read(word.said_at).groups[on.id] == on.machine.group
    assert not on.machine.called(BEAT)


def test_wrong_usage_is_a_line(on: Node) -> None:
    for args, line in (
        (("node", "agent", "--queue", "other"), "expected a queue of the manifest"),
        (("node", "ping", "--queue", "other"), "expected a queue of the manifest"),
        (("node", "agent"), NO_QUEUE),
        (("node", "ping"), NO_QUEUE),
    ):
        done = on.ops(*args)
        assert done.returncode == 2, done
        assert line in done.stderr
        assert len(done.stderr.splitlines()) == 1
