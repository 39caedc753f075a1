"""Commands of the local AWS: run on the node they name, and reported as they ended."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ops.local.machine.client import ask
from tests.cloud.machines import Fleet, machines, until

DOCUMENT = {
    "schemaVersion": "2.2",
    "parameters": {
        "Action": {"type": "String", "allowedValues": ["say", "fail", "stay", "who"]},
        "Within": {"type": "String", "default": "5m", "allowedPattern": "^[0-9]+[smh]$"},
        "executionTimeout": {"type": "String", "default": "60"},
    },
    "mainSteps": [
        {
            "action": "aws:runShellScript",
            "name": "act",
            "inputs": {
                "timeoutSeconds": "{{ executionTimeout }}",
                "runCommand": [
                    "case {{ Action }} in",
                    "say) echo within {{ Within }}; echo aside >&2;;",
                    "fail) echo no; exit 7;;",
                    "stay) sleep 600;;",
                    'who) echo "$AWS_SSM_INSTANCE_ID";;',
                    "esac",
                ],
            },
        }
    ],
}


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with machines(tmp_path_factory.mktemp("ssm"), "--short-hooks") as fleet:
        fleet.client("ssm").create_document(
            Name="act", DocumentType="Command", DocumentFormat="JSON", Content=json.dumps(DOCUMENT)
        )
        fleet.template("nodes")
        tag = {"Key": "fleet:queue", "Value": "q", "PropagateAtLaunch": True}
        fleet.group("nodes", DesiredCapacity=2, Tags=[tag])
        yield fleet


@pytest.fixture
def nodes(fleet: Fleet) -> list[str]:
    ids = fleet.serving("nodes", 2)
    until("their agents", lambda: pings(fleet) == dict.fromkeys(ids, "Online"))
    return ids


def pings(fleet: Fleet) -> dict[str, str]:
    answer = fleet.client("ssm").describe_instance_information()
    return {each["InstanceId"]: each["PingStatus"] for each in answer["InstanceInformationList"]}


def send(fleet: Fleet, ids: list[str], *, timeout: int = 60, **parameters: Any) -> str:
    command: str = fleet.client("ssm").send_command(
        DocumentName="act",
        InstanceIds=ids,
        TimeoutSeconds=timeout,
        Parameters={name: [value] for name, value in parameters.items()},
    )["Command"]["CommandId"]
    return command


def ended(fleet: Fleet, command: str, id: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        told: dict[str, Any] = fleet.client("ssm").get_command_invocation(
            CommandId=command, InstanceId=id
        )
        return None if told["Status"] in {"Pending", "InProgress"} else told

    return until("its end", look)


@contextmanager
def stopped(fleet: Fleet, id: str) -> Iterator[None]:
    """A machine that hangs: it is there, and answers nothing."""
    pid: int = ask(fleet.node(id), {"verb": "status"})["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_command_runs_on_the_node_it_names(fleet: Fleet, nodes: list[str]) -> None:
    told = ended(fleet, send(fleet, nodes[:1], Action="say", Within="90s"), nodes[0])
    assert (told["Status"], told["StatusDetails"], told["ResponseCode"]) == (
        "Success",
        "Success",
        0,
    )
    assert told["StandardOutputContent"] == "within 90s\n"
    assert told["StandardErrorContent"] == "aside\n"
    command = send(fleet, nodes, Action="who")
    assert [ended(fleet, command, id)["StandardOutputContent"].strip() for id in nodes] == nodes
    (whole,) = fleet.client("ssm").list_commands(CommandId=command)["Commands"]
    assert (whole["Status"], whole["TargetCount"], whole["CompletedCount"]) == ("Success", 2, 2)


def test_a_script_that_fails_and_one_that_stays_are_told_apart(
    fleet: Fleet, nodes: list[str]
) -> None:
    failed = ended(fleet, send(fleet, nodes[:1], Action="fail"), nodes[0])
    assert (failed["Status"], failed["ResponseCode"]) == ("Failed", 7)
    assert failed["StandardOutputContent"] == "no\n"
    command = send(fleet, nodes[:1], Action="stay", executionTimeout="1")
    late = ended(fleet, command, nodes[0])
    assert (late["Status"], late["StatusDetails"]) == ("TimedOut", "ExecutionTimedOut")
    invocations = fleet.client("ssm").list_command_invocations(CommandId=command, Details=True)
    (listed,) = invocations["CommandInvocations"]
    assert listed["StatusDetails"] == "ExecutionTimedOut"
    assert listed["CommandPlugins"][0]["Name"] == "act"


def test_a_node_that_does_not_answer_gets_nothing_until_it_does(
    fleet: Fleet, nodes: list[str]
) -> None:
    with stopped(fleet, nodes[0]):
        until("its silence", lambda: pings(fleet)[nodes[0]] == "ConnectionLost")
        command = send(fleet, nodes, Action="say", timeout=2)
        late = ended(fleet, command, nodes[0])
        assert (late["Status"], late["StatusDetails"]) == ("TimedOut", "DeliveryTimedOut")
        assert late["ResponseCode"] == -1
        assert ended(fleet, command, nodes[1])["Status"] == "Success"
        waits = send(fleet, nodes[:1], Action="say")
        (told,) = fleet.client("ssm").list_commands(CommandId=waits)["Commands"]
        assert told["Status"] == "Pending"
    assert ended(fleet, waits, nodes[0])["Status"] == "Success"
    (whole,) = fleet.client("ssm").list_commands(CommandId=command)["Commands"]
    assert (whole["StatusDetails"], whole["DeliveryTimedOutCount"]) == ("DeliveryTimedOut", 1)


def test_a_node_that_ends_before_it_is_reached_is_undeliverable(
    fleet: Fleet, nodes: list[str]
) -> None:
    with stopped(fleet, nodes[0]):
        command = send(fleet, nodes[:1], Action="say")
        fleet.admin(nodes[0], {"kill": True})
        told = ended(fleet, command, nodes[0])
    assert (told["Status"], told["StatusDetails"]) == ("Failed", "Undeliverable")
    with pytest.raises(ClientError, match=r"InvalidInstanceId.*not in a valid state"):
        send(fleet, [nodes[0]], Action="say")


@pytest.mark.parametrize(
    ("parameters", "why"),
    [
        ({"Action": "sing"}, "expected one of"),
        ({"Action": "say", "Within": "5m; reboot"}, "expected"),
        ({"Action": "say", "Other": "x"}, "no such parameter"),
        ({}, "Action: expected a value"),
    ],
)
def test_what_the_document_does_not_take_is_refused(
    fleet: Fleet, nodes: list[str], parameters: dict[str, Any], why: str
) -> None:
    with pytest.raises(ClientError, match=rf"InvalidParameters.*{why}"):
        send(fleet, nodes[:1], **parameters)


def test_who_and_what_there_is_not_is_refused(fleet: Fleet, nodes: list[str]) -> None:
    ssm = fleet.client("ssm")
    with pytest.raises(ClientError, match="InvalidInstanceId"):
        send(fleet, [nodes[0], "i-0123456789abcdef0"], Action="say")
    with pytest.raises(ClientError, match="InvalidDocument"):
        ssm.send_command(DocumentName="none-such", InstanceIds=nodes)
    with pytest.raises(ClientError, match="ValidationException"):
        ssm.send_command(DocumentName="act", Parameters={"Action": ["say"]})
    command = send(fleet, nodes[:1], Action="say")
    with pytest.raises(ClientError, match="InvocationDoesNotExist"):
        ssm.get_command_invocation(CommandId=command, InstanceId=nodes[1])


def test_targets_are_those_with_the_tag(fleet: Fleet, nodes: list[str]) -> None:
    ssm = fleet.client("ssm")
    for value, wanted in (("q", nodes), ("other", [])):
        answer = ssm.send_command(
            DocumentName="act",
            Targets=[{"Key": "tag:fleet:queue", "Values": [value]}],
            Parameters={"Action": ["say"]},
        )
        assert sorted(answer["Command"]["InstanceIds"]) == sorted(wanted)


def test_a_node_that_boots_is_not_there_yet(tmp_path_factory: pytest.TempPathFactory) -> None:
    with machines(tmp_path_factory.mktemp("boots"), "--boot", "600") as fleet:
        fleet.client("ssm").create_document(
            Name="act", DocumentType="Command", DocumentFormat="JSON", Content=json.dumps(DOCUMENT)
        )
        fleet.template("slow")
        fleet.group("slow")
        (id,) = fleet.serving("slow", 1)
        assert pings(fleet) == {}
        with pytest.raises(ClientError, match="InvalidInstanceId"):
            send(fleet, [id], Action="say")
