"""Services of the local AWS whose tasks are processes: started, kept, chosen, replaced, ended."""

from __future__ import annotations

import json
import os
import signal
import sys
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from ops.local.identity import Caller, caller_of
from ops.local.record import calls
from tests.cloud.ecs_tasks import DEAF, OBEYS, Tasks, container
from tests.cloud.machines import REGION, machines, until
from worker.children import gone

ROLE = "arn:aws:iam::123456789012:role/media-mail-NodeRole"


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tasks]:
    application = tmp_path_factory.mktemp("application")
    (application / "fleet.toml").write_text("")
    manifest = str(application / "fleet.toml")
    with machines(tmp_path_factory.mktemp("ecs"), "--manifest", manifest) as fleet:
        yield Tasks(fleet, tmp_path_factory.mktemp("notes"))


def test_a_service_runs_each_container_of_its_definition_and_ends_them(tasks: Tasks) -> None:
    tasks.define("plain", container("worker", OBEYS), container("agent", OBEYS, essential=False))
    tasks.serve("plain", 2)
    assert sum(tasks.counts("plain")[1:]) == 2
    ids = tasks.running("plain", 2)
    tasks.noted("plain.worker", "up", 2)
    tasks.noted("plain.agent", "up", 2)
    shown = tasks.task(ids[0])
    assert (shown["lastStatus"], shown["desiredStatus"]) == ("RUNNING", "RUNNING")
    assert shown["group"] == "service:plain"
    assert {each["name"]: each["lastStatus"] for each in shown["containers"]} == {
        "worker": "RUNNING",
        "agent": "RUNNING",
    }
    assert len({tasks.shown()[id]["address"] for id in ids}) == 2
    pids = [pid for id in ids for pid in tasks.pids(id)]
    assert len(pids) == 6
    tasks.delete("plain")
    for id in ids:
        ended = tasks.stopped(id)
        assert ended["stoppedReason"] == "Service was deleted"
        assert ended["stopCode"] == "ServiceSchedulerInitiated"
        assert tasks.exits(id) == {"worker": 7, "agent": 7}
    assert tasks.service("plain")["status"] == "INACTIVE"
    assert all(gone(pid) for pid in pids)
    assert set(tasks.ids("plain", "STOPPED")) == set(ids)


def test_what_does_not_stop_in_its_time_is_killed(tasks: Tasks) -> None:
    tasks.define("deaf", container("worker", DEAF), container("agent", OBEYS, essential=False))
    tasks.serve("deaf")
    (id,) = tasks.running("deaf", 1)
    tasks.noted("deaf.worker", "up")
    tasks.noted("deaf.agent", "up")
    # It ends whatever its program does: nobody waits for it, and its service replaces it at once.
    tasks.ecs.stop_task(cluster=tasks.cluster, task=id, reason="by hand")
    until("its way out", lambda: tasks.task(id)["lastStatus"] in {"DEACTIVATING", "STOPPING"})
    assert tasks.task(id)["desiredStatus"] == "STOPPED"
    assert id not in tasks.ids("deaf")
    assert sum(tasks.counts("deaf")[1:]) == 1
    ended = tasks.stopped(id)
    assert (ended["stoppedReason"], ended["stopCode"]) == ("by hand", "UserInitiated")
    assert tasks.exits(id) == {"worker": 137, "agent": 7}
    tasks.delete("deaf")


def test_a_container_stops_before_those_that_it_depends_on(tasks: Tasks) -> None:
    after = [{"containerName": "agent", "condition": "START"}]
    slow = """
def leave(number, frame):
    time.sleep(0.5)
    note("left " + str(time.monotonic()))
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
note("up " + str(time.monotonic()))
wait()
"""
    tasks.define(
        "order",
        container("worker", slow, dependsOn=after),
        container("agent", slow, essential=False),
    )
    tasks.serve("order")
    (id,) = tasks.running("order", 1)
    for name in ("worker", "agent"):
        until("its start", lambda name=name: tasks.notes(f"order.{name}"))  # type: ignore[misc]
    tasks.delete("order")
    tasks.stopped(id)
    worker, agent = (
        dict(line.split() for line in tasks.notes(f"order.{name}")) for name in ("worker", "agent")
    )
    # The agent takes half a second from its signal: it was not asked before the worker was gone.
    assert float(agent["left"]) - float(worker["left"]) >= 0.5


def test_a_task_ends_with_its_essential_container_and_another_takes_its_place(
    tasks: Tasks,
) -> None:
    once = "note('up'); (wait() if len(open(os.environ['NOTES'] + '/ends.worker').readlines()) > 1 "
    once += "else sys.exit(3))"
    tasks.define("ends", container("worker", once), container("agent", OBEYS, essential=False))
    tasks.serve("ends")
    until("its end", lambda: tasks.ids("ends", "STOPPED"))
    (first,) = tasks.ids("ends", "STOPPED")
    ended = tasks.stopped(first)
    assert ended["stoppedReason"] == "Essential container in task exited"
    assert ended["stopCode"] == "EssentialContainerExited"
    assert tasks.exits(first)["worker"] == 3
    (second,) = tasks.running("ends", 1)
    assert second != first
    tasks.delete("ends")


def test_another_container_is_started_again_by_its_policy(tasks: Tasks) -> None:
    restart = {"enabled": True, "restartAttemptPeriod": 1, "ignoredExitCodes": [9]}
    # It leaves with 5 after a second, and then, ignored, with 9.
    leaves = """
note("up")
time.sleep(1.2)
count = len(open(os.environ["NOTES"] + "/again.agent").readlines())
sys.exit(5 if count == 1 else 9)
"""
    tasks.define(
        "again",
        container("worker", OBEYS),
        container("agent", leaves, essential=False, restartPolicy=restart),
        container("early", "note('up'); sys.exit(4)", essential=False, restartPolicy=restart),
    )
    tasks.serve("again")
    (id,) = tasks.running("again", 1)
    until("its last end", lambda: tasks.exits(id)["agent"] == 9)
    assert tasks.notes("again.agent") == ["up", "up"]
    assert tasks.shown()[id]["containers"]["agent"]["restarts"] == 1
    # What ends before its period is over is not started again.
    assert tasks.notes("again.early") == ["up"]
    assert tasks.exits(id) == {"worker": None, "agent": 9, "early": 4}
    assert tasks.task(id)["lastStatus"] == "RUNNING"
    tasks.delete("again")


def test_what_is_protected_stays_until_its_protection_ends(tasks: Tasks) -> None:
    tasks.define("kept", container("worker", OBEYS))
    tasks.serve("kept", 3)
    first, second, third = tasks.running("kept", 3)
    protect = {"cluster": tasks.cluster, "protectionEnabled": True}
    answer = tasks.ecs.update_task_protection(**protect, tasks=[first, third], expiresInMinutes=10)
    assert not answer["failures"]
    until_then = answer["protectedTasks"][0]["expirationDate"] - datetime.now(UTC)
    assert 9 * 60 < until_then.total_seconds() <= 10 * 60
    tasks.scale("kept", 1)
    until("its end", lambda: tasks.ids("kept") == [first, third])
    assert tasks.counts("kept")[0] == 1
    assert second in tasks.ids("kept", "STOPPED")
    tasks.ecs.update_task_protection(cluster=tasks.cluster, tasks=[first], protectionEnabled=False)
    assert tasks.running("kept", 1) == [third]
    answer = tasks.ecs.update_task_protection(**protect, tasks=[first])
    assert [each["reason"] for each in answer["failures"]] == ["TASK_NOT_VALID"]
    with pytest.raises(ClientError, match="expiresInMinutes"):
        tasks.ecs.update_task_protection(**protect, tasks=[third], expiresInMinutes=2881)
    tasks.delete("kept")


def test_a_container_finds_its_task_its_role_and_the_folders_it_shares(tasks: Tasks) -> None:
    asks = """
def get(url, **headers):
    request = urllib.request.Request(url, headers=headers)
    return json.load(urllib.request.urlopen(request, timeout=5))
at = os.environ["ECS_CONTAINER_METADATA_URI_V4"]
credentials = os.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
try:
    get(credentials)
    refused = 200
except urllib.error.HTTPError as error:
    refused = error.code
token = os.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"]
pathlib.Path(os.environ["FLEET_RUNTIME_DIR"], os.environ["AS"]).write_text("here")
note(json.dumps({
    "own": get(at), "task": get(at + "/task"), "refused": refused,
    "credentials": get(credentials, Authorization=token),
    "environ": dict(os.environ), "cwd": os.getcwd(),
}))
wait()
"""
    mount = {"mountPoints": [{"sourceVolume": "run", "containerPath": "/run/fleet"}]}
    shared = [{"name": "FLEET_RUNTIME_DIR", "value": "/run/fleet"}]
    tasks.define(
        "asks",
        container("worker", asks, environment=shared, **mount),
        container("agent", asks, environment=shared, **mount),
        container("apart", asks, environment=shared),
        volumes=[{"name": "run"}],
        taskRoleArn=ROLE,
    )
    tasks.serve("asks")
    (id,) = tasks.running("asks", 1)
    said = {}
    for name in ("worker", "agent", "apart"):
        until("its account", lambda name=name: tasks.notes(f"asks.{name}"))  # type: ignore[misc]
        said[name] = json.loads(tasks.notes(f"asks.{name}")[0])
    worker = said["worker"]
    assert worker["own"]["Name"] == "worker"
    assert worker["task"]["TaskARN"].endswith(f":task/{tasks.cluster}/{id}")
    assert (worker["task"]["ServiceName"], worker["task"]["Family"]) == ("asks", "asks")
    names = {each["Name"] for each in worker["task"]["Containers"]}
    assert names == {"worker", "agent", "apart"}
    assert worker["refused"] == 401
    key = worker["credentials"]["AccessKeyId"]
    assert caller_of(key) == Caller("media-mail-NodeRole", id)
    ends = datetime.fromisoformat(worker["credentials"]["Expiration"])
    assert ends > datetime.now(UTC) + timedelta(hours=2)
    environ = worker["environ"]
    # There are others in time; here they last for a second.
    tasks.tell(id, credentials_seconds=1.0)
    headers = {"Authorization": environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"]}
    asked = urllib.request.Request(environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"], headers=headers)

    def issued() -> str:
        with urllib.request.urlopen(asked, timeout=5) as answer:
            found: str = json.load(answer)["AccessKeyId"]
            return found

    first = issued()
    until("others", lambda: issued() != first)
    assert caller_of(first) == caller_of(issued()) == caller_of(key)
    assert environ["AWS_REGION"] == REGION
    assert "AWS_ACCESS_KEY_ID" not in environ
    assert Path(environ["FLEET_MANIFEST"]).resolve() == Path(worker["cwd"], "fleet.toml")
    assert Path(worker["cwd"], "fleet.toml").exists()
    run = {name: each["environ"]["FLEET_RUNTIME_DIR"] for name, each in said.items()}
    assert run["worker"] == run["agent"] != run["apart"]
    assert Path(run["worker"]).is_relative_to(tasks.fleet.node(id))
    assert {path.name for path in Path(run["worker"]).iterdir()} == {"asks.worker", "asks.agent"}
    tasks.delete("asks")


def test_what_a_container_calls_is_recorded_with_its_tasks_role(tasks: Tasks) -> None:
    calls_aws = """
sys.path[:0] = json.loads(os.environ["WHERE"])
import botocore.session
botocore.session.Session().create_client("sts").get_caller_identity()
note("called")
wait()
"""
    where = [{"name": "WHERE", "value": json.dumps(sys.path)}]
    tasks.define("calls", container("worker", calls_aws, environment=where), taskRoleArn=ROLE)
    tasks.serve("calls")
    (id,) = tasks.running("calls", 1)
    tasks.noted("calls.worker", "called")
    (made,) = [call for call in calls(tasks.fleet.folder) if call.who == id]
    assert (made.role, made.action) == ("media-mail-NodeRole", "sts:GetCallerIdentity")
    tasks.delete("calls")


def test_a_new_definition_is_deployed_before_the_old_tasks_end(tasks: Tasks) -> None:
    before = tasks.define("rolls", container("worker", OBEYS))
    tasks.serve("rolls", 2)
    old = tasks.running("rolls", 2)
    after = tasks.define("rolls", container("worker", OBEYS))
    tasks.ecs.update_service(cluster=tasks.cluster, service="rolls", taskDefinition=after)
    found = tasks.service("rolls")["deployments"]
    assert [each["status"] for each in found] == ["PRIMARY", "ACTIVE"]
    assert [each["taskDefinition"] for each in found] == [after, before]
    until("its end", lambda: len(tasks.service("rolls")["deployments"]) == 1)
    new = tasks.running("rolls", 2)
    assert not set(old) & set(new)
    assert {tasks.task(id)["taskDefinitionArn"] for id in new} == {after}
    assert tasks.service("rolls")["deployments"][0]["rolloutState"] == "COMPLETED"
    for id in old:
        assert tasks.stopped(id)["stoppedReason"].startswith("Scaling activity initiated by")
    tasks.delete("rolls")


def test_a_task_that_vanishes_is_replaced_and_leaves_nothing(tasks: Tasks) -> None:
    tasks.define("lost", container("worker", OBEYS), container("agent", OBEYS, essential=False))
    tasks.serve("lost")
    (id,) = tasks.running("lost", 1)
    pids = tasks.pids(id)
    tasks.kill(id)
    assert tasks.stopped(id)["stopCode"] == "InfrastructureHealth"
    until("the end of its processes", lambda: all(gone(pid) for pid in pids))
    assert tasks.running("lost", 1) != [id]
    tasks.delete("lost")


def test_what_cannot_be_started_says_why(tasks: Tasks) -> None:
    tasks.define("absent", {**container("worker", ""), "command": ["no-such-program"]})
    tasks.serve("absent")
    until("its end", lambda: tasks.ids("absent", "STOPPED"))
    ended = tasks.stopped(tasks.ids("absent", "STOPPED")[0])
    assert ended["stopCode"] == "TaskFailedToStart"
    assert "no-such-program" in ended["stoppedReason"]
    after = [{"containerName": "other", "condition": "HEALTHY"}]
    tasks.define("waits", container("worker", OBEYS, dependsOn=after), container("other", OBEYS))
    tasks.serve("waits")
    (id,) = tasks.ids("waits", "STOPPED")
    assert "expected the condition START" in tasks.task(id)["stoppedReason"]
    for name in ("absent", "waits"):
        tasks.delete(name)


def test_a_task_that_nobody_knows_is_missing(tasks: Tasks) -> None:
    tasks.define("known", container("worker", OBEYS))
    tasks.serve("known")
    (id,) = tasks.running("known", 1)
    answer = tasks.ecs.describe_tasks(cluster=tasks.cluster, tasks=[id, "0" * 32])
    assert len(answer["tasks"]) == 1
    assert [each["reason"] for each in answer["failures"]] == ["MISSING"]
    tasks.delete("known")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_task_outlives_the_local_aws(
    tmp_path_factory: pytest.TempPathFactory, number: signal.Signals
) -> None:
    folder = tmp_path_factory.mktemp("outlives")
    with machines(folder) as fleet:
        tasks = Tasks(fleet, tmp_path_factory.mktemp("notes"))
        tasks.define("left", container("worker", DEAF, stopTimeout=120))
        tasks.serve("left", 2)
        ids = tasks.running("left", 2)
        tasks.noted("left.worker", "up", 2)
        pids = [pid for id in ids for pid in tasks.pids(id)]
        # One that is being stopped already, and has long to go.
        tasks.ecs.stop_task(cluster=tasks.cluster, task=ids[0])
        until("its way out", lambda: tasks.task(ids[0])["lastStatus"] == "STOPPING")
        host = Path(f"/proc/{tasks.shown()[ids[1]]['pid']}/stat").read_text()
        os.kill(int(host.rpartition(") ")[2].split()[1]), number)
        until("the end of all", lambda: all(gone(pid) for pid in pids))
