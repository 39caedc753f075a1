"""The fleet's stacks: what the manifest wants, what is there, what would change, and the change."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Self

from ops import aws
from ops.errors import Exit, OpsError
from ops.stack import asking, checks, cluster, compose, instances, lambda_code, names
from ops.stack.account import read_account
from ops.stack.bucket import Bucket, check_fixed
from ops.stack.changes import Proposal, from_resources
from ops.stack.importing import Finder, as_imports
from ops.stack.propose import propose
from ops.stack.ready import check_ready
from ops.stack.resolve import Resolver, resolved
from ops.stack.resting import wait_for_rest
from ops.stack.reviewed import discard
from ops.stack.sizes import Fitted, fit, with_sizes
from ops.stack.states import REMADE, is_busy, is_there
from ops.stack.there import There, read_there
from ops.stack.together import AT_ONCE, Progress, ask_all

if TYPE_CHECKING:
    from mypy_boto3_autoscaling import AutoScalingClient
    from mypy_boto3_cloudformation import CloudFormationClient

    from ops.stack.asking import Looked
    from ops.stack.compose import Account, StackPlan
    from ops.stack.lambda_code import Code
    from worker.fleet import Fleet

_CODE_LAST = "the Lambdas come with a second change set: their code needs the bucket of the first"


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
    has_bucket: bool
    """Whether there is a bucket for the Lambdas' code, and for templates too large to send."""
    revert: bool = False
    """Whether what was changed by hand is to be put back."""
    named: frozenset[str] = frozenset()
    """Names of what is taken for this fleet though it carries no fleet's tag."""
    notes: tuple[str, ...] = ()
    """What is to be told of the nodes' instances."""

    @classmethod
    def read(
        cls,
        fleet: Fleet,
        only: Sequence[str] = (),
        *,
        revert: bool = False,
        named: Sequence[str] = (),
    ) -> Self:
        """Read what is there, and say what is wanted: of the queues `only`, or of everything.

        Raises OpsError with all that the manifest asks for and AWS cannot give, one a line.
        """
        chosen = [fleet.queue(name).name for name in only] or list(fleet.queues)
        client = aws.cloudformation(fleet, AT_ONCE)
        code = lambda_code.build(fleet)
        account = read_account(fleet, aws.sts(fleet), aws.ec2(fleet), code)
        if problems := checks.problems(fleet, account):
            raise OpsError("\n".join(problems), Exit.USAGE)
        notes = instances.check(fleet, chosen, account)
        there = read_there(client, fleet.name)
        account = replace(account, cluster_users=cluster.users(client, fleet, there))
        bucket = Bucket(aws.s3(fleet), names.artifact_bucket(fleet, account.id, account.region))
        check_fixed(fleet, bucket.name, there.artifact_bucket(names.shared_stack(fleet.name)))
        return cls(
            fleet=fleet,
            client=client,
            autoscaling=aws.autoscaling(fleet),
            finder=Finder(fleet),
            account=account,
            bucket=bucket,
            code=code,
            there=there,
            shared=None if only else compose.shared(fleet, account),
            queues={name: compose.queue(fleet, name, account) for name in chosen},
            has_bucket=bucket.is_there(),
            revert=revert,
            named=frozenset(named),
            notes=notes,
        )

    @property
    def plans(self) -> tuple[StackPlan, ...]:
        """Every stack that was asked for, the shared one first."""
        return (*(() if self.shared is None else (self.shared,)), *self.queues.values())

    @property
    def first(self) -> StackPlan | None:
        """The shared stack without new Lambdas, where its bucket must be made before them."""
        if self.shared is None or self.has_bucket:
            return None
        name, there = self.shared.name, self.there
        code = there.code(name) if is_there(there.status(name)) else ""
        if code and not self.revert:  # Deleted by hand: an update without Lambdas would end them.
            return None
        return compose.shared(self.fleet, replace(self.account, code=code))

    def with_bucket(self) -> Self:
        """Return them as they are once the shared one's bucket is there."""
        return replace(self, has_bucket=True)

    @property
    def busy(self) -> dict[str, str]:
        """The stacks that were asked for, or need another, which is at work: their statuses."""
        known = {names.shared_stack(self.fleet.name), *(plan.name for plan in self.plans)}
        return {name: was for name in sorted(known) if is_busy(was := self.there.status(name))}

    @property
    def is_behind(self) -> bool:
        """Whether only queues were asked for, and the Lambdas have another manifest than this."""
        there = self.there.stacks.get(names.shared_stack(self.fleet.name))
        return self.shared is None and there is not None and there.code != self.code.key

    def left_over(self) -> tuple[str, ...]:
        """Return the queues that have a stack and are no longer in the manifest."""
        return self.there.queues_beside(self.fleet.queues)

    def at_rest(self, going: set[str]) -> Self:
        """Wait until CloudFormation is done with all of them; return them as they are then.

        `going` has those that are waited for. Raises OpsError after an hour, and on Ctrl-C.
        """
        found = self
        while found.busy:
            wait_for_rest(self.client, found.busy, going)
            there = read_there(self.client, self.fleet.name)
            found = replace(found, there=there, has_bucket=self.bucket.is_there())
        return found

    def propose(self, progress: Progress) -> dict[str, Proposal]:
        """Ask CloudFormation what would change, by stack, but for those that are at work.

        Raises OpsError, with a line for each stack that takes no change.
        """
        shared = names.shared_stack(self.fleet.name)
        check_ready(self.client, self.there, self.plans, "" if self.shared is not None else shared)
        asking.check_named(self.plans, self.named)
        plans = [plan for plan in self.plans if not is_busy(self.there.status(plan.name))]
        with progress("looking for what is there", len(plans)) as step:
            looked = ask_all({p.name: partial(self._look, p) for p in plans}, step)
        asking.check_imports([(plan, looked[plan.name]) for plan in plans], self.named)
        asked = [plan for plan in plans if not self._waits(plan) and not self._remakes(plan)]
        made: list[Proposal] = []
        try:
            with progress("asking CloudFormation", len(asked)) as step:
                answers = ask_all(
                    {p.name: partial(self._asked, p, looked[p.name], made) for p in asked}, step
                )
        except OpsError:
            # What stopped the questions may stop this as well; the first is what is to be told.
            with contextlib.suppress(OpsError):
                self.withdraw(made, progress)
            raise
        return {
            plan.name: answers[plan.name]
            if plan.name in answers
            else self._read_off(plan, looked[plan.name])
            for plan in plans
        }

    def ask(self, plan: StackPlan, status: str, looked: Looked | None = None) -> Proposal:
        """Ask CloudFormation what would change in one stack, of this status. Raises OpsError.

        Where something is there already that the stack has not, it is the change set that imports
        that: one that would create it is refused (User Guide, "Validate stack deployments").
        """
        put = self.bucket.put_template if self.has_bucket else None
        if looked is None:
            looked = asking.look(self.client, self.finder, plan, status)
            asking.check_imports([(plan, looked)], self.named)
        imports = looked.imports(plan, self.named)
        if imports:
            return asking.propose_imports(
                self.client, plan, self.account, looked, imports, status=status, put_template=put
            )
        back = self.revert and is_there(status)
        fitted = self.fitted(plan)
        proposal = fitted.told(
            propose(self.client, fitted.plan, status=status, put_template=put, revert=back)
        )
        return with_sizes(self.autoscaling, plan, proposal) if back else proposal

    def fitted(self, plan: StackPlan) -> Fitted:
        """Return a plan with room for the nodes that run. Raises OpsError."""
        return fit(self.autoscaling, plan, self.there.most_nodes(plan.name), revert=self.revert)

    def put_code(self) -> None:
        """Put the Lambdas' code into its bucket, which must be there. Raises OpsError."""
        self.bucket.put_code(self.code)

    def withdraw(self, proposals: Iterable[Proposal], progress: Progress) -> None:
        """Remove change sets that nobody is to execute. Raises OpsError."""
        left = {one.stack: one for one in proposals if one.change_set}
        with progress("withdrawing", len(left)) as step:
            ask_all({name: partial(discard, self.client, one) for name, one in left.items()}, step)

    def _look(self, plan: StackPlan) -> Looked:
        return asking.look(self.client, self.finder, plan, self.there.status(plan.name))

    def _remakes(self, plan: StackPlan) -> bool:
        return self.there.status(plan.name) == REMADE

    def _waits(self, plan: StackPlan) -> bool:
        """Whether a stack imports what the shared one does not export yet."""
        if self.shared is None or plan is self.shared:
            return False
        resolver = Resolver(plan, self.account)
        resolver.resources()
        return not resolver.imported <= self.there.exports()

    def _read_off(self, plan: StackPlan, looked: Looked) -> Proposal:
        """Return what a stack would create, while CloudFormation cannot be asked about it."""
        waits_for = names.shared_stack(self.fleet.name) if self._waits(plan) else ""
        if is_there(self.there.status(plan.name)):
            unknown = Proposal(plan.name, False, (asking.UNKNOWN,), waits_for=waits_for)
            return self.fitted(plan).told(unknown)
        imports = looked.imports(plan, self.named)
        return Proposal(
            plan.name,
            new=True,
            changes=as_imports(from_resources(resolved(plan, self.account)), imports),
            waits_for=waits_for,
            remakes=self._remakes(plan),
            imports=imports,
        )

    def _asked(self, plan: StackPlan, looked: Looked, made: list[Proposal]) -> Proposal:
        status = self.there.status(plan.name)
        first = self.first if plan is self.shared else None
        made.append(self.ask(plan if first is None else first, status, looked))
        if first is None:
            return made[-1]
        there = resolved(first, self.account)
        return made[-1].then(resolved(plan, self.account), there, _CODE_LAST)
