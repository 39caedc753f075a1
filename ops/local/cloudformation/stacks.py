"""The stacks of an account in a region: what may be asked of them, and when."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from ops.local.cloudformation import drift, wishes
from ops.local.cloudformation.errors import Invalid, Refused
from ops.local.cloudformation.evaluate import Evaluation
from ops.local.cloudformation.model import ChangeSet, Stack, Wish, now
from ops.local.cloudformation.place import Clients, Place
from ops.local.cloudformation.resource import Resource
from ops.local.cloudformation.resources import TYPES
from ops.local.cloudformation.run import Run, in_use


@dataclass(slots=True)
class Stacks:
    """All stacks of one account and region; its methods may be called in many threads."""

    clients: Clients
    account: str
    region: str
    partition: str
    all: dict[str, Stack] = field(default_factory=dict)
    types: Mapping[str, Resource] = field(default_factory=lambda: TYPES)
    drifts: dict[str, dict[str, Any]] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def find(self, name: str) -> Stack:
        """Return the stack of that name or id; a deleted one is found by its id alone."""
        for stack in self.all.values():
            if name in (stack.id, stack.name) and (stack.deleted is None or name == stack.id):
                return stack
        raise Invalid(f"Stack with id {name} does not exist")

    def there(self, name: str) -> Stack | None:
        """Return the stack of that name or id, if there is one."""
        try:
            return self.find(name)
        except Invalid:
            return None

    def new(self, name: str, key: str, status: str) -> Stack:
        """Return a stack that has nothing yet. Raises Invalid for a name that is taken."""
        if self.there(name) is not None:
            raise Invalid(f"Stack [{name}] already exists")
        arn = f"arn:{self.partition}:cloudformation:{self.region}:{self.account}"
        stack = Stack(
            f"{arn}:stack/{name}/{uuid.uuid4()}", name, self.region, self.account, status, key
        )
        self.all[stack.id] = stack
        return stack

    def exports(self, but: Stack | None = None) -> dict[str, tuple[str, str]]:
        """Return every export's value and its stack's id, by its name."""
        return {
            output["ExportName"]: (output["OutputValue"], stack.id)
            for stack in self.all.values()
            if stack.deleted is None and stack is not but
            for output in stack.outputs
            if "ExportName" in output
        }

    def importers(self, name: str) -> list[Stack]:
        """Return the stacks that import an export."""
        return [
            stack
            for stack in self.all.values()
            if stack.deleted is None and stack.wish is not None and wishes.imports(stack.wish, name)
        ]

    def place(self, stack: Stack) -> Place:
        """Return where the stack's resources are made, as whoever last asked for it."""
        return Place(
            self.clients,
            stack.key,
            self.region,
            self.account,
            self.partition,
            stack.name,
            stack.id,
        )

    def evaluation(self, stack: Stack, wish: Wish) -> Evaluation:
        """Return a wish over the stack's resources. Raises Invalid for a parameter of SSM's."""
        at = self.place(stack)

        def look_up(name: str) -> str:
            try:
                return str(at.call("ssm", "GetParameter", {"Name": name})["Parameter"]["Value"])
            except (ClientError, Refused) as error:
                raise Invalid(
                    f"Unable to fetch parameters [{name}] from parameter store"
                ) from error

        exports = {name: value for name, (value, _) in self.exports().items()}
        return Evaluation(stack, wish, self.types, look_up, exports, stack.resources)

    def execute(self, stack: Stack, change_set: ChangeSet, key: str) -> None:
        """Begin to grant a change set; other change sets of the stack are gone with it."""
        if change_set.execution != "AVAILABLE":
            raise Invalid(
                f"ChangeSet [{change_set.id}] cannot be executed in its current status of "
                f"[{change_set.status}]"
            )
        stack.key = key
        change_set.execution = "EXECUTE_IN_PROGRESS"
        stack.change_sets = {change_set.name: change_set}

        def done(whole: bool) -> None:
            change_set.execution = "EXECUTE_COMPLETE" if whole else "EXECUTE_FAILED"

        self.begin(stack, change_set.kind, change_set.wish, done, revert=bool(change_set.drift))

    def begin(
        self,
        stack: Stack,
        kind: str,
        wish: Wish,
        done: Callable[[bool], None] = lambda _: None,
        *,
        revert: bool = False,
    ) -> None:
        """Begin to grant a wish in a thread of its own: CREATE, UPDATE or IMPORT."""
        if stack.busy:
            raise Invalid(f"Stack:{stack.id} is in {stack.status} state and can not be updated.")
        stack.say(f"{kind}_IN_PROGRESS", "User Initiated")
        stack.updated = None if kind == "CREATE" else now()
        stack.begun = wish if stack.begun is None else stack.begun

        def work() -> None:
            run = Run(stack, self.place(stack), self.types, revert=revert)
            run.importers = lambda name: [each.name for each in self.importers(name)]
            try:
                run.evaluation = self.evaluation(stack, wish)
            except Invalid as error:
                verb = "" if kind == "CREATE" else f"{kind}_"
                stack.say(f"{verb}ROLLBACK_COMPLETE", str(error))
                done(False)
                return
            whole = run.create(wish) if kind == "CREATE" else run.update(wish, kind)
            done(whole)

        self._start(stack, work)

    def end(self, stack: Stack, retained: frozenset[str], key: str) -> None:
        """Begin to delete a stack. Raises Invalid for one that is protected or imported from."""
        if stack.protected:
            raise Invalid(
                f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled"
            )
        if stack.busy:
            if stack.status == "DELETE_IN_PROGRESS":
                return
            raise Invalid(f"Stack [{stack.id}] cannot be deleted while in status {stack.status}")
        stack.key = key
        for output in stack.outputs:
            users = [each.name for each in self.importers(output.get("ExportName", ""))]
            if users:
                before = stack.status
                stack.say("DELETE_IN_PROGRESS", "User Initiated")
                # Not DELETE_FAILED (aws/aws-sdk issue 383).
                stack.say(before, in_use(output["ExportName"], "deleted", users))
                return
        stack.say("DELETE_IN_PROGRESS", "User Initiated")

        def work() -> None:
            Run(stack, self.place(stack), self.types).delete(retained)

        self._start(stack, work)

    def detect(self, stack: Stack) -> str:
        """Begin to compare each resource with what its template says; return the detection's id."""
        detection = str(uuid.uuid4())
        told = {"StackId": stack.id, "StackDriftDetectionId": detection, "Timestamp": now()}
        self.drifts[detection] = {**told, "DetectionStatus": "DETECTION_IN_PROGRESS"}

        def work() -> None:
            found = drift.detected(stack, self.place(stack), self.types)
            self.drifts[detection] = {**told, **found}

        self._start(stack, work)
        return detection

    def _start(self, stack: Stack, work: Callable[[], None]) -> None:
        def guarded() -> None:
            try:
                work()
            except Exception as error:
                if stack.busy:
                    verb = stack.status.partition("_")[0]
                    failed = {"CREATE": "CREATE_FAILED", "DELETE": "DELETE_FAILED"}
                    reason = f"Internal failure: {type(error).__name__}: {error}"
                    stack.say(failed.get(verb, "UPDATE_ROLLBACK_FAILED"), reason)
                raise

        threading.Thread(target=guarded, name=f"stack {stack.name}", daemon=True).start()
