"""Doing what a wish wants of a stack, one resource after another; and undoing it when one fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ops.local.cloudformation.errors import Refused
from ops.local.cloudformation.evaluate import needs, ordered
from ops.local.cloudformation.failures import FAILURES, reason_of
from ops.local.cloudformation.model import Made, Stack, Wish, now
from ops.local.cloudformation.steps import Steps


@dataclass(slots=True)
class Run(Steps):
    """One operation on a stack; `importers` says which other stacks import an export."""

    importers: Callable[[str], Sequence[str]] = lambda _: ()

    def create(self, wish: Wish) -> bool:
        """Make everything; roll back where something fails. Return whether it was made."""
        stack = self.stack
        try:
            self._apply()
        except FAILURES as error:
            if stack.disable_rollback:
                stack.say("CREATE_FAILED", reason_of(error))
            else:
                stack.say("ROLLBACK_IN_PROGRESS", reason_of(error))
                stack.say("ROLLBACK_COMPLETE" if self._roll_back() else "ROLLBACK_FAILED")
            return False
        self._granted(wish)
        stack.say("CREATE_COMPLETE")
        return True

    def update(self, wish: Wish, done: str = "UPDATE") -> bool:
        """Change what differs, then end what is no longer wanted; roll back what fails."""
        stack, before = self.stack, dict(self.stack.resources)
        try:
            self._apply()
            self._check_exports()
        except FAILURES as error:
            stack.say(f"{done}_ROLLBACK_IN_PROGRESS", reason_of(error))
            rolled = self._roll_back()
            stack.resources = {name: stack.resources.get(name, m) for name, m in before.items()}
            stack.say(f"{done}_ROLLBACK_COMPLETE" if rolled else f"{done}_ROLLBACK_FAILED")
            return False
        gone = [made for name, made in before.items() if name not in self._wanted()]
        self._granted(wish)
        if self.left or gone:
            stack.say(f"{done}_COMPLETE_CLEANUP_IN_PROGRESS")
            for made in [*self.left, *_backwards(stack, gone)]:
                # What cannot be ended is left behind, and told: the update is done all the same.
                self.end(made, made.on_replace if made in self.left else _policy(made))
                if made not in self.left:
                    stack.resources.pop(made.logical, None)
        stack.say(f"{done}_COMPLETE")
        return True

    def delete(self, retained: frozenset[str]) -> None:
        """End everything but what is retained, and the stack if all of it is gone."""
        stack = self.stack
        failed: list[str] = []
        for made in _backwards(stack, list(stack.resources.values())):
            if self.end(made, "Retain" if made.logical in retained else _policy(made)):
                del stack.resources[made.logical]
            else:
                failed.append(made.logical)
        if failed:
            reason = f"The following resource(s) failed to delete: [{', '.join(failed)}]. "
            stack.say("DELETE_FAILED", reason)
            return
        # First, since a deleted stack is never seen by its name.
        stack.deleted = now()
        stack.say("DELETE_COMPLETE")

    def _wanted(self) -> dict[str, dict[str, Any]]:
        assert self.evaluation is not None  # noqa: S101  # create and update have one
        return self.evaluation.wanted()

    def _granted(self, wish: Wish) -> None:
        assert self.evaluation is not None  # noqa: S101
        self.stack.wish = wish
        self.stack.outputs = self.evaluation.outputs()

    def _check_exports(self) -> None:
        """Raise Refused where the outputs would take away or change what others import."""
        assert self.evaluation is not None  # noqa: S101
        new = _exports(self.evaluation.outputs())
        for name, value in _exports(self.stack.outputs).items():
            if new.get(name) != value and (users := self.importers(name)):
                what = "updated" if name in new else "deleted"
                raise Refused(in_use(name, what, users))

    def _apply(self) -> None:
        assert self.evaluation is not None  # noqa: S101
        for name, resource in self._wanted().items():
            made = self.stack.resources.get(name)
            at = replace(self.place, logical=name, policy=resource.get("UpdatePolicy", {}))
            try:
                self.step(at, name, resource, made)
            except FAILURES as error:
                failed = self.stack.resources.get(name) or Made(name, resource["Type"], "", {})
                verb = "CREATE" if made is None else "UPDATE"
                self.stack.tell(failed, f"{verb}_FAILED", reason_of(error))
                what = "created" if made is None else "updated"
                raise Refused(
                    f"The following resource(s) failed to {verb.lower()}: [{name}]. "
                    if made is None
                    else f"The following resource(s) could not be {what}: [{name}]. "
                ) from error

    def _roll_back(self) -> bool:
        whole = True
        while self.undo:
            try:
                self.undo.pop()()
            except FAILURES:
                whole = False
        return whole


def in_use(export: str, what: str, users: Sequence[str]) -> str:
    """Return CloudFormation's words for an export that cannot be deleted or updated."""
    return f"Export {export} cannot be {what} as it is in use by {', '.join(users)}"


def _exports(outputs: Sequence[dict[str, str]]) -> dict[str, str]:
    return {one["ExportName"]: one["OutputValue"] for one in outputs if "ExportName" in one}


def _policy(made: Made) -> str:
    """Return what becomes of a resource that was not made just now."""
    return "Retain" if made.on_delete == "RetainExceptOnCreate" else made.on_delete


def _backwards(stack: Stack, made: list[Made]) -> list[Made]:
    """Return resources so that each comes before those it needs."""
    template = {} if stack.wish is None else stack.wish.template["Resources"]
    by_name = {each.logical: each for each in made}
    needed = {name: needs(template[name]) if name in template else set[str]() for name in by_name}
    # One that the template no longer names was made before what is left of it.
    return [by_name[name] for name in reversed(ordered(needed))]
