"""The fleet's stacks: what the manifest wants, what is there, what would change, and the change."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Self

from ops import aws
from ops.errors import Exit, OpsError
from ops.stack import checks, compose, lambda_code, names
from ops.stack.account import read_account
from ops.stack.bucket import Bucket
from ops.stack.changes import ABSENT, Proposal, from_resources
from ops.stack.importing import Finder, as_imports
from ops.stack.propose import check_status, discard, propose
from ops.stack.resolve import resolved
from ops.stack.there import There, read_there
from ops.stack.together import AT_ONCE, ask_all

if TYPE_CHECKING:
    from mypy_boto3_autoscaling import AutoScalingClient
    from mypy_boto3_cloudformation import CloudFormationClient

    from ops.stack.compose import Account, StackPlan
    from ops.stack.lambda_code import Code
    from worker.fleet import Fleet

Progress = Callable[[str, int], AbstractContextManager[Callable[[str], None]]]


@dataclass(frozen=True, slots=True)
class Stacks:
    """The stacks of a fleet. `code` is the Lambdas', `there` what CloudFormation has."""

    fleet: Fleet
    client: CloudFormationClient
    autoscaling: AutoScalingClient
    finder: Finder
    account: Account
    bucket: Bucket
    code: Code
    there: There
    shared: StackPlan | None
    """None where only some queues were asked for."""
    queues: Mapping[str, StackPlan]

    @classmethod
    def read(cls, fleet: Fleet, only: Sequence[str] = ()) -> Self:
        """Read what is there, and say what is wanted: of the queues `only`, or of everything.

        Raises OpsError with all that the manifest asks for and AWS cannot give, one a line.
        """
        chosen = [fleet.queue(name).name for name in only] or list(fleet.queues)
        client = aws.cloudformation(fleet, AT_ONCE)
        code = lambda_code.build(fleet)
        account = read_account(fleet, aws.sts(fleet), aws.ec2(fleet), code)
        if problems := checks.problems(fleet, account):
            raise OpsError("\n".join(problems), Exit.USAGE)
        there = read_there(client, fleet.name)
        shared = compose.shared(fleet, account)
        if only and there.status(shared.name) in ABSENT:
            raise OpsError(
                f"{shared.name}: expected the shared stack before a queue's, found none: "
                "apply them all: ops stack apply --yes"
            )
        return cls(
            fleet=fleet,
            client=client,
            autoscaling=aws.autoscaling(fleet),
            finder=Finder(fleet),
            account=account,
            bucket=Bucket(aws.s3(fleet), names.artifact_bucket(fleet, account.id, account.region)),
            code=code,
            there=there,
            shared=None if only else shared,
            queues={name: compose.queue(fleet, name, account) for name in chosen},
        )

    @property
    def plans(self) -> tuple[StackPlan, ...]:
        """Every stack that was asked for, the shared one first."""
        return (*(() if self.shared is None else (self.shared,)), *self.queues.values())

    @property
    def is_new(self) -> bool:
        """Whether the shared stack is not there yet: a queue's can then not be asked about."""
        return self.shared is not None and self.there.status(self.shared.name) in ABSENT

    @property
    def is_behind(self) -> bool:
        """Whether only queues were asked for, and the Lambdas have another manifest than this."""
        there = self.there.stacks.get(names.shared_stack(self.fleet.name))
        return self.shared is None and there is not None and there.code != self.code.key

    def left_over(self) -> tuple[str, ...]:
        """Return the queues that have a stack and are no longer in the manifest."""
        return self.there.queues_beside(self.fleet.queues)

    def propose(self, progress: Progress) -> dict[str, Proposal]:
        """Ask CloudFormation what would change, by stack. Raises OpsError."""
        asked = [plan for plan in self.plans if not self.is_new or plan is self.shared]
        made: list[Proposal] = []
        try:
            with progress("asking CloudFormation", len(asked)) as step:
                proposals = ask_all({p.name: partial(self._asked, p, made) for p in asked}, step)
        except OpsError:
            # What stopped the questions may stop this as well; the first is what is to be told.
            with contextlib.suppress(OpsError):
                self.withdraw(made, progress)
            raise
        for plan in self.plans:
            if plan not in asked:
                check_status(plan.name, self.there.status(plan.name))
                proposals[plan.name] = self._read_off(plan)
        return proposals

    def ask(self, plan: StackPlan, *, bucket: bool) -> Proposal:
        """Ask CloudFormation what would change in one stack. Raises OpsError.

        `bucket` says whether there is one for a template that is too large to be sent.
        """
        status = self.there.status(plan.name)
        imports = self.finder.existing(plan) if status in ABSENT else {}
        put = self.bucket.put_template if bucket else None
        proposal = propose(self.client, plan, status=status, put_template=put)
        return replace(proposal, changes=as_imports(proposal.changes, imports), imports=imports)

    def withdraw(self, proposals: Iterable[Proposal], progress: Progress) -> None:
        """Remove change sets that nobody is to execute. Raises OpsError."""
        left = {one.stack: one for one in proposals if one.change_set}
        with progress("withdrawing", len(left)) as step:
            ask_all({name: partial(discard, self.client, one) for name, one in left.items()}, step)

    def _read_off(self, plan: StackPlan) -> Proposal:
        """Return what a queue's stack would create, while the shared one is not there to ask."""
        imports = self.finder.existing(plan)
        return Proposal(
            plan.name,
            new=True,
            changes=as_imports(from_resources(resolved(plan, self.account)), imports),
            waits_for=names.shared_stack(self.fleet.name),
            imports=imports,
        )

    def _asked(self, plan: StackPlan, made: list[Proposal]) -> Proposal:
        made.append(self.ask(plan, bucket=not self.is_new))
        return made[-1]
