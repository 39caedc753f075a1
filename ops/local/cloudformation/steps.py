"""The steps of an operation: one resource made, changed, replaced or ended, and how to undo it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from ops.local.cloudformation.differences import differences
from ops.local.cloudformation.errors import Refused
from ops.local.cloudformation.evaluate import Evaluation
from ops.local.cloudformation.failures import FAILURES, reason_of
from ops.local.cloudformation.live import before_import, look
from ops.local.cloudformation.model import Made, Stack
from ops.local.cloudformation.place import Place
from ops.local.cloudformation.resource import Resource, only
from ops.local.cloudformation.schema import schema_of

#: CloudFormation's words for the update that follows each import.
_AFTER_IMPORT: Final = "Apply stack-level tags to imported resource if applicable."


@dataclass(slots=True)
class Steps:
    """Steps on one stack. `undo` holds what takes back each of them, the last one last.

    `left` are resources that others replaced, to be ended when all is done.
    """

    stack: Stack
    place: Place
    types: Mapping[str, Resource]
    evaluation: Evaluation | None = None
    undo: list[Callable[[], None]] = field(default_factory=list)
    left: list[Made] = field(default_factory=list)
    revert: bool = False
    """Whether what was changed or deleted elsewhere is put back as well."""

    def step(self, at: Place, name: str, resource: Mapping[str, Any], made: Made | None) -> None:
        """Bring one resource of the template to what it wants; raises one of FAILURES."""
        assert self.evaluation is not None  # noqa: S101
        kind = resource["Type"]
        handler = self._handler(kind)
        if "CreationPolicy" in resource:
            raise Refused(f"{kind}: CreationPolicy is not handled by the local AWS")
        wanted = self.evaluation.properties(name)
        schema = schema_of(kind, at.region)
        schema.check(kind, wanted, handler.handled)
        policies = (
            str(resource.get("DeletionPolicy", "Delete")),
            str(resource.get("UpdateReplacePolicy", "Delete")),
        )
        if made is not None and self.revert:
            made = self._as_it_is(at, handler, made, resource)
        if made is None:
            self._add(at, handler, wanted, policies)
        elif made.properties != wanted:
            replacing = set(schema.replacing(made.properties, wanted))
            names = {n for n in wanted if made.properties.get(n) != wanted[n]}
            replacing |= handler.replaced(made.properties, wanted) & names
            if replacing:
                self._replace(at, handler, made, wanted, policies)
            else:
                self._change(at, handler, made, wanted, policies)
        else:
            made.on_delete, made.on_replace = policies

    def _as_it_is(
        self, at: Place, handler: Resource, made: Made, resource: Mapping[str, Any]
    ) -> Made | None:
        """Return a resource with the properties it has, None where it was deleted elsewhere.

        So an update is from what is there, and back to that where it is undone.
        """
        found = look(made, at, handler, resource.get("UpdatePolicy", {}))
        if found.status == "DELETED":
            return None
        if not found.actual:
            return made

        def remember() -> None:
            self.stack.resources[made.logical] = made

        self.undo.append(remember)
        return replace(made, properties=found.before(made))

    def _add(
        self,
        at: Place,
        handler: Resource,
        wanted: dict[str, Any],
        policies: tuple[str, str],
    ) -> None:
        assert self.evaluation is not None  # noqa: S101
        name, kind = at.logical, handler.kind
        identifier = self.evaluation.wish.imports.get(name)
        made = Made(name, kind, "", wanted, on_delete=policies[0], on_replace=policies[1])
        if identifier is not None:
            made.physical = handler.imported(identifier)
            self.stack.tell(made, "IMPORT_IN_PROGRESS", "Resource import started.")
            found = handler.read(at, made.physical, wanted)
            if found is None:
                raise Refused(f"{kind} '{made.physical}' does not exist: it cannot be imported")
            self._keep(at, handler, made)
            self.undo.append(lambda: self._forget(name))
            self.stack.tell(made, "IMPORT_COMPLETE", "Resource import completed.")
            self.stack.tell(made, "UPDATE_IN_PROGRESS", _AFTER_IMPORT)
            before = before_import(wanted, found, handler.handled)
            if before != wanted:
                # What is done by then is not undone where the import fails.
                handler.update(at, made.physical, before, wanted)
            self.stack.tell(made, "UPDATE_COMPLETE")
            return
        self.stack.tell(made, "CREATE_IN_PROGRESS")
        there = handler.identity(at, wanted)
        if there is not None and handler.read(at, there, wanted) is not None:
            raise Refused(f"{there} already exists")
        made.physical = handler.create(at, wanted)
        self.stack.resources[name] = made
        self.undo.append(lambda: self._undo_add(made))
        self.stack.tell(made, "CREATE_IN_PROGRESS", "Resource creation Initiated")
        self._verify(at, handler, made.physical, wanted)
        self._keep(at, handler, made)
        self.stack.tell(made, "CREATE_COMPLETE")

    def _change(
        self,
        at: Place,
        handler: Resource,
        made: Made,
        wanted: dict[str, Any],
        policies: tuple[str, str],
    ) -> None:
        before = replace(made)
        self.stack.tell(made, "UPDATE_IN_PROGRESS")

        def undo() -> None:
            self.stack.tell(made, "UPDATE_IN_PROGRESS")
            handler.update(at, made.physical, wanted, before.properties)
            made.properties = before.properties
            made.on_delete, made.on_replace = before.on_delete, before.on_replace
            self._keep(at, handler, made)
            self.stack.tell(made, "UPDATE_COMPLETE")

        self.undo.append(undo)
        handler.update(at, made.physical, made.properties, wanted)
        # What drifted elsewhere is not this update's.
        names = [name for name in wanted if made.properties.get(name) != wanted[name]]
        self._verify(at, handler, made.physical, wanted, names)
        made.properties = wanted
        made.on_delete, made.on_replace = policies
        self._keep(at, handler, made)
        self.stack.tell(made, "UPDATE_COMPLETE")

    def _replace(
        self,
        at: Place,
        handler: Resource,
        made: Made,
        wanted: dict[str, Any],
        policies: tuple[str, str],
    ) -> None:
        self.stack.tell(
            made,
            "UPDATE_IN_PROGRESS",
            "Requested update requires the creation of a new physical resource; hence creating "
            "one.",
        )
        if handler.identity(at, wanted) == made.physical:
            raise Refused(
                "CloudFormation cannot update a stack when a custom-named resource requires "
                f"replacing. Rename {made.physical} and update the stack again."
            )
        new = Made(made.logical, made.kind, handler.create(at, wanted), wanted)
        new.on_delete, new.on_replace = policies

        def undo() -> None:
            handler.delete(at, new.physical, wanted)
            self.stack.resources[made.logical] = made

        self.undo.append(undo)
        self._verify(at, handler, new.physical, wanted)
        self._keep(at, handler, new)
        self.left.append(made)
        self.stack.tell(new, "UPDATE_COMPLETE")

    def _keep(self, at: Place, handler: Resource, made: Made) -> None:
        """Look up what Ref and GetAtt give, and have the stack hold it."""
        made.reference = handler.reference(at, made.physical, made.properties)
        made.attributes = handler.attributes(at, made.physical, made.properties)
        self.stack.resources[made.logical] = made

    def _verify(
        self,
        at: Place,
        handler: Resource,
        physical: str,
        wanted: dict[str, Any],
        names: Sequence[str] = (),
    ) -> None:
        """Refuse aloud what the backend took without a word and did not keep."""
        found = handler.read(at, physical, wanted)
        if found is None:
            raise Refused(f"{handler.kind} {physical}: the local AWS made it and does not have it")
        for each in differences(only(wanted, *(names or wanted)), found):
            if each.is_tag_of_others:
                continue
            raise Refused(
                f"{handler.kind} {physical}: the local AWS did not keep Properties{each.path}: "
                f"expected {each.expected}, found {each.actual}"
            )

    def _forget(self, name: str) -> None:
        self.stack.resources.pop(name, None)

    def _undo_add(self, made: Made) -> None:
        kept = made.on_delete == "Retain"
        if not self.end(made, "Retain" if kept else "Delete"):
            raise Refused(f"{made.logical} could not be deleted")
        self.stack.resources.pop(made.logical, None)

    def end(self, made: Made, policy: str) -> bool:
        """End a resource, or leave it where the policy is Retain; return whether that was done."""
        if policy == "Retain":
            self.stack.tell(made, "DELETE_SKIPPED")
            return True
        self.stack.tell(made, "DELETE_IN_PROGRESS")
        at = replace(self.place, logical=made.logical)
        try:
            if policy != "Delete":
                raise Refused(f"DeletionPolicy {policy} is not handled by the local AWS")
            if made.physical:
                self._handler(made.kind).delete(at, made.physical, made.properties)
        except FAILURES as error:
            self.stack.tell(made, "DELETE_FAILED", reason_of(error))
            return False
        self.stack.tell(made, "DELETE_COMPLETE")
        return True

    def _handler(self, kind: str) -> Resource:
        handler = self.types.get(kind)
        if handler is None:
            raise Refused(f"{kind} is not handled by the local AWS")
        return handler
