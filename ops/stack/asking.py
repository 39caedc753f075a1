"""What is there beside what a stack has, and the change set that imports it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from ops.aws import aws_errors
from ops.errors import Exit, OpsError
from ops.stack.changes import Change, Proposal
from ops.stack.importing import as_imports
from ops.stack.propose import propose
from ops.stack.resolve import resolved
from ops.stack.states import is_there
from ops.stack.whose import Found, Import, imports, refusals
from ops.stack.yaml_reading import parse

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

    from ops.stack.compose import Account, StackPlan
    from ops.stack.importing import Finder

_FIRST: Final = "what is there already is imported first, the rest is made by a second change set"
_BESIDE: Final = (
    "what is there already is imported first; what else would change is told by a second change "
    "set, which comes after it"
)
#: What a change set would say once it can be asked for.
UNKNOWN: Final = Change("perhaps change", "(any)", "AWS::CloudFormation::Stack")


@dataclass(frozen=True, slots=True)
class Looked:
    """What a stack has, by logical id, as what it would take to remove it; what else is there."""

    has: Mapping[str, Change]
    found: Mapping[str, Found]

    def imports(self, plan: StackPlan, named: Collection[str]) -> dict[str, Import]:
        """Return what the stack is to import, by logical id."""
        return imports(plan, self.found, named)


def look(client: CloudFormationClient, finder: Finder, plan: StackPlan, status: str) -> Looked:
    """Look for what is there of a plan and its stack, of this status, has not. Raises OpsError."""
    has = _resources(client, plan.name) if is_there(status) else {}
    return Looked(has, finder.look(plan, has))


def check_imports(looked: Iterable[tuple[StackPlan, Looked]], named: Collection[str]) -> None:
    """Raise OpsError where something that is there is not this fleet's, a line for each."""
    lines = [line for plan, one in looked for line in refusals(plan, one.found, named)]
    if lines:
        raise OpsError("\n".join(lines))


def check_named(plans: Iterable[StackPlan], named: Collection[str]) -> None:
    """Raise OpsError (usage) for a name that is of nothing which the stacks could import."""
    known = {one.name for plan in plans for one in plan.imports.values()}
    if unknown := sorted(set(named) - known):
        raise OpsError(
            "--import: expected the name of a queue, table, bucket, log group, cluster or schedule "
            f"group of these stacks, got {', '.join(unknown)}: the plan names what it needs",
            Exit.USAGE,
        )


def propose_imports(
    client: CloudFormationClient,
    plan: StackPlan,
    account: Account,
    looked: Looked,
    taken: Mapping[str, Import],
    *,
    status: str,
    put_template: Callable[[bytes], str] | None,
) -> Proposal:
    """Make the change set that imports what is `taken`, and tell of what comes after it.

    Of a stack that is there CloudFormation says the rest only once the import is done: what is
    created and deleted is read off the template. Raises OpsError.
    """
    said = {name: one.properties for name, one in taken.items()}
    before = _template(client, plan.name) if is_there(status) else None
    alone = plan.only(said) if before is None else plan.beside(before, said)
    proposal = propose(
        client,
        alone,
        status=status,
        put_template=put_template,
        imports=tuple(one.entry(name) for name, one in taken.items()),
    )
    changes = as_imports(proposal.changes, taken)
    proposal = replace(proposal, changes=changes, imports=taken)
    wanted = resolved(plan, account)
    if before is None:
        return proposal.then(wanted, taken, _FIRST)
    proposal = proposal.then(wanted, {*taken, *looked.has}, _BESIDE)
    gone = tuple(
        replace(change, action="keep") if _is_kept(before, name) else change
        for name, change in looked.has.items()
        if name not in wanted
    )
    return replace(proposal, changes=(*proposal.changes, *gone, UNKNOWN))


def _is_kept(template: Mapping[str, Any], name: str) -> bool:
    """Whether a resource stays where it is when it leaves the stack."""
    policy = template["Resources"].get(name, {}).get("DeletionPolicy")
    return policy in ("Retain", "RetainExceptOnCreate")


def _resources(client: CloudFormationClient, stack: str) -> dict[str, Change]:
    """Return what a stack has, by logical id."""
    with aws_errors(f"reading the resources of {stack}", service="cloudformation"):
        pages = list(client.get_paginator("list_stack_resources").paginate(StackName=stack))
    return {
        one["LogicalResourceId"]: Change(
            "delete",
            one["LogicalResourceId"],
            one["ResourceType"],
            one.get("PhysicalResourceId", ""),
        )
        for page in pages
        for one in page["StackResourceSummaries"]
        # Those of an update that was taken back are still told of.
        if one["ResourceStatus"] not in ("DELETE_COMPLETE", "DELETE_SKIPPED")
    }


def _template(client: CloudFormationClient, stack: str) -> Mapping[str, Any]:
    """Return the template that a stack was last given."""
    with aws_errors(f"reading the template of {stack}", service="cloudformation"):
        # A mapping where the text is JSON, whatever its type says.
        body: Any = client.get_template(StackName=stack)["TemplateBody"]
    return parse(body) if isinstance(body, str) else body
