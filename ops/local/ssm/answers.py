"""The calls of Systems Manager that moto lacks, or answers without doing."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from moto.core.responses import ActionResult
from moto.ssm.exceptions import SSMException
from moto.ssm.responses import SimpleSystemManagerResponse

from ops.local.machines import Machine, Machines
from ops.local.ssm.delivery import Delivery
from ops.local.ssm.documents import DocumentError, ParametersError, steps
from ops.local.ssm.invocations import Command, Invocation

#: API Reference, SendCommand.
_IDS_AT_MOST: Final = 50
_TIMEOUT_LEAST, _TIMEOUT_MOST, _TIMEOUT = 30, 2_592_000, 3_600
_KEPT: Final = 5_000


def install(machines: Machines, *, short_timeouts: bool) -> None:
    """Put the calls on moto's class that answers them."""
    calls = Calls(Delivery(machines), 1 if short_timeouts else _TIMEOUT_LEAST)
    for name in (
        "send_command",
        "get_command_invocation",
        "list_commands",
        "list_command_invocations",
        "describe_instance_information",
    ):
        setattr(SimpleSystemManagerResponse, name, _method(getattr(calls, name)))


def _method(call: Callable[[Any], dict[str, Any]]) -> Callable[[Any], Any]:
    return lambda answer: ActionResult(call(answer))


class Calls:
    """The calls, each with the request that moto has parsed."""

    def __init__(self, delivery: Delivery, least_seconds: int) -> None:
        self._delivery = delivery
        self._least_seconds = least_seconds
        self._commands: dict[str, Command] = {}

    def send_command(self, request: Any) -> dict[str, Any]:
        """SendCommand."""
        timeout = request._get_int_param("TimeoutSeconds") or _TIMEOUT
        if not self._least_seconds <= timeout <= _TIMEOUT_MOST:
            raise SSMException(
                "ValidationException",
                f"timeoutSeconds {timeout} must be {self._least_seconds} to {_TIMEOUT_MOST}",
            )
        name, version = request._get_param("DocumentName"), request._get_param("DocumentVersion")
        parameters = request._get_param("Parameters", {})
        document = self._document(request, name, version)
        try:
            rendered = steps(document.content_json, parameters)
        except ParametersError as error:
            raise SSMException("InvalidParameters", str(error)) from error
        except DocumentError as error:
            raise SSMException("InvalidDocument", f"{name}: {error}") from error
        ids, targets = self._addressed(request)
        command = Command(
            name,
            document.document_version,
            request._get_param("Comment", ""),
            parameters,
            rendered,
            timeout,
            tuple(Invocation(id) for id in ids),
            targets,
        )
        self._commands[command.id] = command
        for old in list(itertools.islice(self._commands, max(0, len(self._commands) - _KEPT))):
            del self._commands[old]
        self._delivery.send(command)
        return {"Command": command.answer()}

    def get_command_invocation(self, request: Any) -> dict[str, Any]:
        """GetCommandInvocation."""
        command = self._command(request._get_param("CommandId"))
        for one in command.invocations:
            if one.instance == request._get_param("InstanceId"):
                return command.told(one)
        raise SSMException("InvocationDoesNotExist", "")

    def list_commands(self, request: Any) -> dict[str, Any]:
        """ListCommands, by command or instance or all."""
        return {"Commands": [each.answer() for each in self._chosen(request)]}

    def list_command_invocations(self, request: Any) -> dict[str, Any]:
        """ListCommandInvocations, by command or instance or all."""
        in_full = bool(request._get_bool_param("Details", False))
        wanted = request._get_param("InstanceId")
        return {
            "CommandInvocations": [
                command.listed(one, in_full=in_full)
                for command in self._chosen(request)
                for one in command.invocations
                if wanted in {None, one.instance}
            ]
        }

    def describe_instance_information(self, request: Any) -> dict[str, Any]:
        """DescribeInstanceInformation, by InstanceIds and PingStatus."""
        wanted = {
            each.get("Key") or each["key"]: each.get("Values") or each["valueSet"]
            for each in (
                *request._get_param("Filters", []),
                *request._get_param("InstanceInformationFilterList", []),
            )
        }
        if unknown := sorted(set(wanted) - {"InstanceIds", "PingStatus"}):
            raise SSMException("InvalidFilterKey", f"{unknown}: not known to the local AWS")
        ids, pings = wanted.get("InstanceIds"), wanted.get("PingStatus")
        told = [
            self._told(each) for each in self._delivery.machines() if ids is None or each.id in ids
        ]
        return {
            "InstanceInformationList": [
                each for each in told if pings is None or each["PingStatus"] in pings
            ]
        }

    def _told(self, machine: Machine) -> dict[str, Any]:
        online = self._delivery.online(machine)
        return {
            "InstanceId": machine.id,
            "PingStatus": "Online" if online else "ConnectionLost",
            "LastPingDateTime": datetime.now(UTC),
            "AgentVersion": "3.3.0.0",
            "PlatformType": "Linux",
            "ResourceType": "EC2Instance",
            "IPAddress": machine.address,
        }

    def _document(self, request: Any, name: str, version: str | None) -> Any:
        try:
            wanted = "$DEFAULT" if version is None else version
            found = request.ssm_backend._get_documents(name)
            return found.find(None if wanted == "$DEFAULT" else wanted)
        except SSMException as error:
            raise SSMException("InvalidDocument", f"{name}: no such document") from error

    def _addressed(self, request: Any) -> tuple[list[str], list[Any]]:
        ids, targets = request._get_param("InstanceIds", []), request._get_param("Targets", [])
        if bool(ids) == bool(targets) or len(ids) > _IDS_AT_MOST:
            raise SSMException(
                "ValidationException", f"expected 1 to {_IDS_AT_MOST} InstanceIds, or Targets"
            )
        if targets:
            return [each.id for each in self._delivery.machines() if _meets(each, targets)], targets
        if len(set(ids)) < len(ids):
            raise SSMException("DuplicateInstanceId", "")
        absent = [id for id in ids if not self._delivery.known(id)]
        if absent:
            raise SSMException(
                "InvalidInstanceId",
                f"Instances [{absent}] not in a valid state for account {request.current_account}",
            )
        return ids, []

    def _command(self, id: str) -> Command:
        if id not in self._commands:
            raise SSMException("InvalidCommandId", "")
        return self._commands[id]

    def _chosen(self, request: Any) -> list[Command]:
        id, instance = request._get_param("CommandId"), request._get_param("InstanceId")
        if id is not None:
            return [self._command(id)]
        return [
            each
            for each in reversed(self._commands.values())
            if instance is None or any(one.instance == instance for one in each.invocations)
        ]


def _meets(machine: Machine, targets: list[dict[str, Any]]) -> bool:
    """Whether a machine is one of those that `InstanceIds` or `tag:KEY` name, all of them."""
    for each in targets:
        key, values = each["Key"], each["Values"]
        if key == "InstanceIds":
            found: str | None = machine.id
        elif key.startswith("tag:"):
            found = machine.labels.get(key.removeprefix("tag:"))
        else:
            raise SSMException("InvalidTarget", f"{key}: not known to the local AWS")
        if found not in values:
            return False
    return True
