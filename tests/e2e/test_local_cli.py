"""`ops local` as a person runs it: up, looked at, used and down, with nothing left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ops.local.machine.processes import below, table
from ops.local.running import began
from tests.cloud.local_stacks import admin
from tests.cloud.machines import until
from tests.e2e.desk import MANIFEST, Desk, opened

# A dozen commands, each a process that imports boto3.
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with opened(tmp_path) as desk:
        yield desk


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A desk whose fleet is up, for what does not end it."""
    with opened(tmp_path_factory.mktemp("up")) as desk:
        desk.ok("up")
        yield desk


def test_a_fleet_is_brought_up_used_and_ended(desk: Desk) -> None:
    up = desk.json("up", "--short-hooks")
    pid = up["pid"]
    assert up["folder"] == str(desk.state)
    # It outlives the command that started it, and a hang-up of its terminal.
    assert os.getsid(pid) == pid
    again = desk.ops("up")
    assert again.returncode == 1
    assert f"process {pid}" in again.stderr
    assert "ops local down" in again.stderr

    fleet = desk.fleet()
    image = fleet.client("ssm").get_parameter(Name="/desk/image")["Parameter"]["Value"]
    assert image.startswith("ami-")
    fleet.template("desk-q", "#!/bin/sh\necho hello from $FLEET_ROOT\n")
    fleet.group("desk-q", DesiredCapacity=2)
    first, second = fleet.serving("desk-q", 2)

    applied = desk.ops("run", "--", sys.executable, "-m", "ops", "queues", "apply", "--yes")
    assert applied.returncode == 0, applied.stderr
    status = desk.json("status")
    assert {each["name"] for each in status["queues"]} >= {"desk-q", "desk-q-dlq"}
    (group,) = status["groups"]
    assert (group["name"], group["desired"], group["states"]) == ("desk-q", 2, {"InService": 2})
    assert {each["id"] for each in status["nodes"]} == {first, second}
    until(
        "both machines", lambda: {n["machine"] for n in desk.json("status")["nodes"]} == {"running"}
    )
    shown = desk.ok("status")
    assert first in shown
    assert "2 InService" in shown

    until("its output", lambda: "hello from" in desk.ok("logs", first, "--unit", "user-data"))
    assert str(desk.state / "nodes" / first) in desk.ok("logs", first[-6:])
    wrong = desk.ops("logs", first, "--unit", "nonesuch")
    assert (wrong.returncode, "user-data" in wrong.stderr) == (2, True)
    assert desk.ops("logs", "i-none").returncode == 2

    pids = [pid, *below(pid, table())]
    assert len(pids) >= 3
    assert "processes ended" in desk.ok("down")
    assert [each for each in pids if began(each) is not None] == []
    assert "hello from" in desk.ok("logs", first)


def test_where_nothing_is_up_down_does_nothing_and_status_says_so(desk: Desk) -> None:
    assert desk.ok("down") == "nothing was up\n"
    down = desk.ops("status")
    assert (down.returncode, "ops local up" in down.stderr) == (3, True)
    assert not desk.state.exists()


def test_the_environment_leads_to_it_and_nowhere_else(up: Desk) -> None:
    url = up.json("status")["url"]
    desk = replace(up, env={"AWS_PROFILE": "prod", "AWS_ENDPOINT_URL_SQS": "https://sqs.example"})
    told = subprocess.run(
        ["/bin/sh", "-c", f"{desk.ok('env')}\nenv"],
        env=desk.environ(),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    for wanted in (
        f"AWS_ENDPOINT_URL={url}",
        "AWS_ACCESS_KEY_ID=local",
        "AWS_REGION=eu-west-1",
        f"FLEET_MANIFEST={desk.folder / 'fleet.toml'}",
        f"FLEET_LOCAL_DIR={desk.state}",
    ):
        assert wanted in told
    assert not [line for line in told if line.startswith(("AWS_PROFILE", "AWS_ENDPOINT_URL_SQS"))]
    ran = desk.ops("run", "--", "/bin/sh", "-c", "echo $AWS_ENDPOINT_URL; exit 7")
    assert (ran.returncode, ran.stdout) == (7, f"{url}\n")
    assert desk.ops("run", "--", "no-such-program").returncode == 2


def test_a_local_aws_that_was_killed_is_told_and_cleared(desk: Desk) -> None:
    pid = desk.json("up")["pid"]
    fleet = desk.fleet()
    fleet.template("desk-q")
    fleet.group("desk-q")
    fleet.serving("desk-q", 1)
    pids = [pid, *below(pid, table())]
    os.killpg(pid, signal.SIGKILL)
    until("its machines' end", lambda: all(began(each) is None for each in pids))
    status = desk.ops("status")
    assert (status.returncode, "ended by itself" in status.stderr) == (3, True)
    assert desk.json("up")["pid"] != pid
    assert (desk.state / "previous" / "nodes").is_dir()


def test_an_interrupted_start_leaves_nothing(desk: Desk) -> None:
    starting = subprocess.Popen(
        desk.command("up"),
        cwd=desk.folder,
        env=desk.environ(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )

    def server() -> set[int]:
        return below(starting.pid, table())

    (pid,) = until("its server", server)
    starting.send_signal(signal.SIGINT)
    _, said = starting.communicate(timeout=60)
    assert starting.returncode == 130
    assert "Traceback" not in said
    assert began(pid) is None
    assert desk.ops("status").returncode == 3


def test_its_folder_can_be_elsewhere_and_its_port_is_checked(desk: Desk, tmp_path: Path) -> None:
    desk.env = {"FLEET_LOCAL_DIR": str(tmp_path / "elsewhere")}
    url = desk.json("up")["url"]
    port = url.rpartition(":")[2]
    assert (tmp_path / "elsewhere" / "aws.log").exists()
    other = Desk(tmp_path / "other")
    other.folder.mkdir()
    (other.folder / "fleet.toml").write_text(MANIFEST)
    taken = other.ops("up", "--port", port)
    assert taken.returncode == 1
    assert "expected a free port" in taken.stderr
    assert other.ops("status").returncode == 3
    assert desk.ops("up", "--boot", "soon").returncode == 2
    # A shell that has taken over its environment finds it too.
    desk.env = desk.json("env")
    assert desk.json("status")["url"] == url
    assert "ended" in desk.ok("down")


def test_a_log_is_followed_until_its_node_ends(up: Desk) -> None:
    fleet = up.fleet()
    fleet.template("desk-q", "#!/bin/sh\nwhile sleep 0.1; do echo tick; done\n")
    fleet.group("desk-q")
    (id,) = fleet.serving("desk-q", 1)
    following = subprocess.Popen(
        up.command("logs", id, "--unit", "user-data", "--follow")
        if until("its log", (fleet.node(id) / "log" / "user-data.log").exists)
        else [],
        cwd=up.folder,
        env=up.environ(),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert following.stdout is not None
    assert following.stdout.readline() == "==> user-data <==\n"
    assert [following.stdout.readline() for _ in range(5)] == ["tick\n"] * 5
    fleet.empty("desk-q")
    # The shell may say of its `sleep` that the machine's end killed it.
    assert set(following.stdout.read().split()) <= {"tick", "Killed"}
    assert following.wait(60) == 0


def test_a_node_is_told_by_any_part_of_its_id(up: Desk) -> None:
    fleet = up.fleet()
    fleet.template("desk-part", "#!/bin/sh\necho first\necho second\nexit 3\n")
    fleet.group("desk-part")
    (id,) = fleet.serving("desk-part", 1)
    until(
        "its user data's end",
        lambda: "user-data exit 3" in up.ok("status"),
    )
    (node,) = [each for each in up.json("status")["nodes"] if each["id"] == id]
    assert (node["user_data"], node["user_data_exit"]) == ("done", 3)
    lines = up.ok("logs", id[5:13], "--unit", "user-data", "--json").splitlines()
    assert [json.loads(line) for line in lines] == [
        {"log": "user-data", "line": "first"},
        {"log": "user-data", "line": "second"},
    ]
    none = up.ops("logs", "nonesuch")
    assert (none.returncode, id in none.stderr) == (2, True)
    # As on the node: what its boot has left there is what a command of `ops node` finds.
    (fleet.node(id) / "etc/fleet/node.env").write_text("FLEET_QUEUE=q\n")
    said = up.ops("run", "--node", id[5:], "--", sys.executable, "-m", "ops", "node", "status")
    assert f"{fleet.node(id)}/run/fleet: expected the socket of a worker" in said.stderr
    fleet.empty("desk-part")


def test_what_sqs_does_not_say_is_no_zero_and_hides_nothing_else(up: Desk) -> None:
    fleet = up.fleet()
    fleet.client("sqs").create_queue(QueueName="desk-one")
    admin(fleet.url, "faults", "POST", {"service": "sqs", "code": "AccessDenied", "status": 403})
    try:
        status = up.ops("status")
        assert (status.returncode, status.stdout.splitlines()[3].split()) == (3, ["?"] * 4)
        assert "looking at the queues: access denied" in status.stderr
        assert json.loads(up.ops("status", "--json").stdout)["queues"] is None
        admin(fleet.url, "faults", "DELETE")
        counts = {"service": "sqs", "operation": "GetQueueAttributes"}
        admin(fleet.url, "faults", "POST", {**counts, "code": "AccessDenied", "status": 403})
        lines = [line.split() for line in up.ops("status").stdout.splitlines()]
        assert ["desk-one", "?", "?", "?"] in lines
    finally:
        admin(fleet.url, "faults", "DELETE")
