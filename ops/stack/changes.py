"""What a change set says would happen to a stack. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

#: How CloudFormation says that a change set has nothing in it (its API has no code for that).
_NOTHING: Final = ("didn't contain changes", "No updates are to be performed")

#: A stack that was never created, or only proposed.
ABSENT: Final = frozenset({"", "REVIEW_IN_PROGRESS", "DELETE_COMPLETE"})

_WORDS: Final = {
    "Add": "create",
    "Modify": "change",
    "Remove": "delete",
    "Import": "import",
    "Dynamic": "perhaps change",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One resource that a change set touches."""

    action: str
    """`create`, `change`, `replace`, `perhaps replace`, `delete`, `import` or `perhaps change`."""
    logical_id: str
    kind: str
    """CloudFormation's name of its type."""
    physical_id: str = ""
    what: tuple[str, ...] = ()
    """The properties that change."""

    @property
    def loses(self) -> bool:
        """Whether what is there now would be gone."""
        return self.action in {"delete", "replace", "perhaps replace"}

    def row(self, stack: str) -> dict[str, str | None]:
        """Return it as a line of a plan."""
        return {
            "stack": stack,
            "change": self.action,
            "resource": self.logical_id,
            "type": self.kind.removeprefix("AWS::"),
            "what": ", ".join(self.what) or self.physical_id or None,
        }


@dataclass(frozen=True, slots=True)
class Proposal:
    """A stack with what would change in it; `change_set` is "" where there is none to execute."""

    stack: str
    new: bool
    changes: tuple[Change, ...] = ()
    change_set: str = ""
    waits_for: str = ""
    """The stack that must be there before CloudFormation can say more; "" where it has said it."""
    imports: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What is there already and must be imported first, by logical id, as CreateChangeSet wants
    it."""


def is_nothing(reason: str) -> bool:
    """Whether a change set failed only because nothing changes."""
    return any(text in reason for text in _NOTHING)


def read_changes(pages: Sequence[Mapping[str, Any]]) -> tuple[Change, ...]:
    """Return the changes of DescribeChangeSet's pages, in their order."""
    return tuple(
        _change(one["ResourceChange"])
        for page in pages
        for one in page.get("Changes", [])
        if one.get("Type", "Resource") == "Resource"
    )


def from_resources(resources: Mapping[str, Any]) -> tuple[Change, ...]:
    """Return what would be created, for a stack that CloudFormation cannot be asked about yet."""
    return tuple(
        Change("create", name, str(resource["Type"])) for name, resource in resources.items()
    )


def _change(found: Mapping[str, Any]) -> Change:
    return Change(
        _action(found),
        found["LogicalResourceId"],
        found["ResourceType"],
        found.get("PhysicalResourceId", ""),
        tuple(dict.fromkeys(filter(None, map(_target, found.get("Details", []))))),
    )


def _action(found: Mapping[str, Any]) -> str:
    action = str(found["Action"])
    if action == "Modify":
        replacement = found.get("Replacement", "False")
        if replacement == "True":
            return "replace"
        if replacement == "Conditional":
            return "perhaps replace"
    return _WORDS.get(action, action.lower())


def _target(detail: Mapping[str, Any]) -> str:
    target = detail.get("Target", {})
    return str(target.get("Name") or target.get("Attribute") or "")


@dataclass(frozen=True, slots=True)
class Ended:
    """How an operation on a stack ended: its status, and the event that made it fail."""

    stack: str
    status: str
    failure: str = ""
    seconds: float = 0.0

    @property
    def well(self) -> bool:
        """Whether it did what it was to do."""
        return not self.failure

    def in_words(self) -> str:
        """Return it as a line."""
        if self.status == "NO_CHANGE":
            return f"{self.stack}: as it is to be"
        how = "failed" if self.failure else self.status.lower().replace("_", " ")
        return f"{self.stack}: {how} ({self.seconds:.0f} s)"


def failed(status: str) -> bool:
    """Whether a stack's status is the end of something that failed."""
    return "ROLLBACK" in status or status.endswith("_FAILED")


def first_failure(events: Sequence[Mapping[str, Any]]) -> str:
    """Return the event that made an operation fail, in words: the first that failed by itself.

    `events` are DescribeStackEvents', newest first. What was only cancelled because of it is
    passed over. Where no resource failed it is why the stack was rolled back; empty where it was
    not.
    """
    turned = ""
    for event in reversed(events):
        status = str(event.get("ResourceStatus", ""))
        reason = " ".join(str(event.get("ResourceStatusReason", "")).split())
        kind = str(event.get("ResourceType", "")).removeprefix("AWS::")
        text = f"{event['LogicalResourceId']} ({kind}): {reason or status}"
        if status.endswith("_FAILED") and "cancelled" not in reason.lower():
            return text
        if "ROLLBACK" in status and reason and not turned:
            turned = text
    return turned
