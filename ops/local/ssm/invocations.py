"""A command that was sent, and what became of it on each node: no I/O.

Statuses: "Understanding command statuses" in the Systems Manager User Guide. An undeliverable
invocation has the status Failed: the API's list of statuses has no other for it.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from ops.local.ssm.documents import Step

_STATUS: Final = {
    "DeliveryTimedOut": "TimedOut",
    "ExecutionTimedOut": "TimedOut",
    "Undeliverable": "Failed",
}
_UNDER_WAY: Final = ("Pending", "InProgress")
#: What GetCommandInvocation shows of the outputs, and ListCommandInvocations of both.
_STDOUT, _STDERR, _OUTPUT = 24_000, 8_000, 2_500
_PLUGIN: Final = "aws:runShellScript"


@dataclass(slots=True, eq=False)
class Invocation:
    """A command on a node. `details` is its status in full; `code` -1 until it has run."""

    instance: str
    details: str = "Pending"
    code: int = -1
    stdout: str = ""
    stderr: str = ""
    begun: datetime | None = None
    ended: datetime | None = None

    @property
    def status(self) -> str:
        """The status as the API's list has it."""
        return _STATUS.get(self.details, self.details)

    @property
    def over(self) -> bool:
        """Whether nothing more becomes of it."""
        return self.details not in _UNDER_WAY

    def begin(self) -> None:
        """Say that the node has it."""
        self.details, self.begun = "InProgress", datetime.now(UTC)

    def end(self, details: str) -> None:
        """Say how it ended."""
        self.details, self.ended = details, datetime.now(UTC)


@dataclass(slots=True, eq=False)
class Command:
    """A command on some nodes: `timeout_seconds` is for its delivery to each."""

    document: str
    version: str
    comment: str
    parameters: dict[str, Any]
    steps: tuple[Step, ...]
    timeout_seconds: float
    invocations: tuple[Invocation, ...]
    targets: Sequence[Any] = ()
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def details(self) -> str:
        """The status in full: under way while any invocation is, then the worst of them."""
        said = [each.details for each in self.invocations]
        if not all(each.over for each in self.invocations):
            return "Pending" if all(each == "Pending" for each in said) else "InProgress"
        for worst in ("Failed", "ExecutionTimedOut", "DeliveryTimedOut"):
            if worst in said:
                return worst
        return "Incomplete" if "Undeliverable" in said else "Success"

    def answer(self) -> dict[str, Any]:
        """Return it as ListCommands shows it."""
        said = [each.details for each in self.invocations]
        status = "Failed" if self.details == "Incomplete" else self.details
        return {
            "CommandId": self.id,
            "DocumentName": self.document,
            "DocumentVersion": self.version,
            "Comment": self.comment,
            "ExpiresAfter": datetime.fromtimestamp(self.at.timestamp() + self.timeout_seconds, UTC),
            "Parameters": self.parameters,
            "InstanceIds": [each.instance for each in self.invocations],
            "Targets": list(self.targets),
            "RequestedDateTime": self.at,
            "Status": _STATUS.get(status, status),
            "StatusDetails": self.details,
            "TargetCount": len(said),
            "CompletedCount": sum(each.over for each in self.invocations),
            "ErrorCount": sum(each in {"Failed", "ExecutionTimedOut"} for each in said),
            "DeliveryTimedOutCount": said.count("DeliveryTimedOut"),
            "TimeoutSeconds": int(self.timeout_seconds),
        }

    def told(self, one: Invocation) -> dict[str, Any]:
        """Return an invocation as GetCommandInvocation shows it."""
        elapsed = (one.ended - one.begun).total_seconds() if one.begun and one.ended else 0.0
        return {
            "CommandId": self.id,
            "InstanceId": one.instance,
            "Comment": self.comment,
            "DocumentName": self.document,
            "DocumentVersion": self.version,
            "PluginName": self.steps[-1].name or _PLUGIN,
            "ResponseCode": one.code,
            "ExecutionStartDateTime": one.begun.isoformat() if one.begun else "",
            "ExecutionElapsedTime": f"PT{elapsed:.3f}S",
            "ExecutionEndDateTime": one.ended.isoformat() if one.ended else "",
            "Status": one.status,
            "StatusDetails": one.details,
            "StandardOutputContent": one.stdout[:_STDOUT],
            "StandardOutputUrl": "",
            "StandardErrorContent": one.stderr[:_STDERR],
            "StandardErrorUrl": "",
        }

    def listed(self, one: Invocation, *, in_full: bool) -> dict[str, Any]:
        """Return an invocation as ListCommandInvocations shows it."""
        plugin = {
            "Name": self.steps[-1].name or _PLUGIN,
            "Status": one.status,
            "StatusDetails": one.details,
            "ResponseCode": one.code,
            "Output": (one.stdout + one.stderr)[:_OUTPUT],
        }
        times = {"ResponseStartDateTime": one.begun, "ResponseFinishDateTime": one.ended}
        plugin |= {name: at for name, at in times.items() if at is not None}
        return {
            "CommandId": self.id,
            "InstanceId": one.instance,
            "InstanceName": "",
            "Comment": self.comment,
            "DocumentName": self.document,
            "DocumentVersion": self.version,
            "RequestedDateTime": self.at,
            "Status": one.status,
            "StatusDetails": one.details,
            "CommandPlugins": [plugin] if in_full else [],
        }
