"""What a change set says would happen to a stack. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from ops.stack.whose import Import

#: How CloudFormation says that a change set has nothing in it (its API has no code for that).
_NOTHING: Final = ("didn't contain changes", "No updates are to be performed")

_WORDS: Final = {
    "Add": "create",
    "Modify": "change",
    "Remove": "delete",
    "Import": "import",
    "Dynamic": "perhaps change",
    # Of a change set that compares with what is there: it is already as the template has it now.
    "SyncWithActual": "record",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One resource that a change set touches."""

    action: str
    """`create`, `change`, `replace`, `perhaps replace`, `delete`, `import` or `perhaps change`;
    `keep` of what leaves the stack and stays where it is.

    Against what was done by hand: `put back`, `make again` of what was deleted, `record` of what is
    as it is to be.
    """
    logical_id: str
    kind: str
    """CloudFormation's name of its type."""
    physical_id: str = ""
    what: tuple[str, ...] = ()
    """The properties that change; those put back with what they are and what they will be."""

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
    """A stack with what would change in it; `change_set` is "" where there is none to execute.

    A change set that was shown is the one that is executed. Where one cannot do it all, `changes`
    has what the ones after it do as well, read off the template.
    """

    stack: str
    new: bool
    changes: tuple[Change, ...] = ()
    change_set: str = ""
    began: bool = False
    """Whether the change set began the stack: then it is an empty one until it is executed."""
    waits_for: str = ""
    """The stack that must be there before CloudFormation can say more; "" where it has said it."""
    remakes: bool = False
    """Whether a stack whose first creation failed is deleted before."""
    imports: Mapping[str, Import] = field(default_factory=dict)
    """What is there already and is imported first, by logical id."""
    steps: tuple[str, ...] = ()
    """Why more than one change set is needed."""
    most_nodes: int | None = None
    """The maximum of its group that the change set sets."""
    notes: tuple[str, ...] = ()
    """What is to be told of its nodes."""

    def lost(self) -> frozenset[str]:
        """Return the resources that would be deleted or replaced."""
        return frozenset(change.logical_id for change in self.changes if change.loses)

    def also(self, change: Change) -> Proposal:
        """Return it with what is put back beside the change set, unless that does it as well."""
        known = {
            _named(what)
            for one in self.changes
            if one.logical_id == change.logical_id
            for what in one.what
        }
        what = tuple(each for each in change.what if _named(each) not in known)
        if not what:
            return self
        return replace(self, changes=(*self.changes, replace(change, what=what)))

    def then(self, resources: Mapping[str, Any], but: Collection[str], why: str) -> Proposal:
        """Return it with resources created afterwards, all `but` some, by another change set."""
        later = {name: one for name, one in resources.items() if name not in but}
        changes = (*self.changes, *from_resources(later))
        return replace(self, changes=changes, steps=(*self.steps, why))


def _named(what: str) -> str:
    return what.partition(" ")[0]


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
    if found.get("ResourceDriftStatus") == "DELETED" and action in {"Add", "Modify"}:
        return "make again"
    if action == "Modify":
        replacement = found.get("Replacement", "False")
        if replacement == "True":
            return "replace"
        if replacement == "Conditional":
            return "perhaps replace"
        details = found.get("Details", [])
        if details and all("Drift" in detail.get("Target", {}) for detail in details):
            return "put back"
    if action == "Remove" and found.get("PolicyAction") == "Retain":
        return "keep"
    return _WORDS.get(action, action.lower())


def _target(detail: Mapping[str, Any]) -> str:
    target = detail.get("Target", {})
    name = str(target.get("Name") or target.get("Attribute") or "")
    drift = target.get("Drift")
    if not name or drift is None:
        return name
    return (
        f"{name} {drift.get('ActualValue') or 'nothing'} -> {target.get('AfterValue') or 'nothing'}"
    )


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
            return f"{self.stack}: the template brings no change"
        how = "failed" if self.failure else self.status.lower().replace("_", " ")
        return f"{self.stack}: {how} ({self.seconds:.0f} s)"


def failed(status: str) -> bool:
    """Whether a stack's status is the end of something that failed."""
    return "ROLLBACK" in status or status.endswith("_FAILED")
