"""Bounds of an Auto Scaling group: none below what runs, and put back where changed by hand.

A maximum below what runs would be the desired capacity too, and Auto Scaling would choose which
nodes end (API Reference, UpdateAutoScalingGroup). The engine brings them down instead, as they get
idle, by the manifest's maximum.

A group's update policy has CloudFormation leave sizes alone that its template does not change
(`IgnoreUnmodifiedGroupSizeProperties`): an update in a window would undo the window's minimum.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from ops.aws import aws_errors
from ops.errors import OpsError
from ops.stack.changes import Change
from ops.stack.windows import minimums

if TYPE_CHECKING:
    from mypy_boto3_autoscaling import AutoScalingClient

    from ops.stack.changes import Proposal
    from ops.stack.compose import StackPlan

_KIND: Final = "AWS::AutoScaling::AutoScalingGroup"
_MOST: Final = "MaxNodes"


@dataclass(frozen=True, slots=True)
class Sizes:
    """The bounds of a group, in nodes."""

    group: str
    minimum: int
    maximum: int
    running: int = field(default=0, compare=False)
    """The desired capacity."""
    on_demand: tuple[int, int] = field(default=(0, 0), compare=False)
    """So many are on demand before any is spot, and the percentage of those above."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A group's bounds as they are, and as they are to be."""

    found: Sizes
    wanted: Sizes

    def change(self) -> Change | None:
        """Return it as a line of a plan, None where nothing is to be put back."""
        pairs = (
            ("MinSize", self.found.minimum, self.wanted.minimum),
            ("MaxSize", self.found.maximum, self.wanted.maximum),
        )
        what = tuple(f"{name} {now} -> {then}" for name, now, then in pairs if now != then)
        return Change("put back", "Group", _KIND, self.found.group, what) if what else None


@dataclass(frozen=True, slots=True)
class Fitted:
    """A stack's plan, made to fit the nodes that run."""

    plan: StackPlan
    most: int | None = None
    """The maximum that it sets, None where it leaves it as it is."""
    notes: tuple[str, ...] = ()
    """What is to be told of it."""

    def told(self, proposal: Proposal) -> Proposal:
        """Return what is proposed of it, with what is to be told."""
        return replace(proposal, most_nodes=self.most, notes=self.notes)


def fit(client: AutoScalingClient, plan: StackPlan, given: str, *, revert: bool) -> Fitted:
    """Return a plan whose group has room for the nodes that run. Raises OpsError.

    `given` is the maximum that its stack has, "" for none: one that stays the same is left alone,
    unless with `revert`.
    """
    for group in plan.suspends:
        most = int(plan.parameters[_MOST])
        found = _read(client, group)
        if found is None:
            continue
        notes = _replacing(plan, found)
        if given == str(most) and not revert:
            return Fitted(plan, None, notes)
        if found.running <= most:
            return Fitted(plan, most, notes)
        note = (
            f"{group}: {_nodes(found.running)} run, and nodes.max is {most}: its MaxSize is "
            f"{found.running} for now, since below that Auto Scaling would end nodes, busy ones "
            "too: the engine brings them down as they get idle: run ops stack apply again then"
        )
        roomy = replace(plan, parameters={**plan.parameters, _MOST: str(found.running)})
        return Fitted(roomy, found.running, (note, *notes))
    return Fitted(plan)


def check_room(client: AutoScalingClient, plan: StackPlan, most: int | None) -> None:
    """Raise OpsError where more nodes run by now than the maximum that is about to be set."""
    if most is None:
        return
    for group in plan.suspends:
        found = _read(client, group)
        if found is not None and found.running > most:
            raise OpsError(
                f"{group}: expected at most {_nodes(most)}, as the plan has it, found "
                f"{found.running} by now: nothing was changed, since Auto Scaling would end some, "
                "busy ones too: run it again"
            )


def _replacing(plan: StackPlan, found: Sizes) -> tuple[str, ...]:
    """Say that nodes are replaced to be on demand, or spot, as the manifest now has them."""
    wanted = (int(plan.parameters["OnDemandBase"]), int(plan.parameters["OnDemandPercent"]))
    if wanted == found.on_demand or not found.running:
        return ()
    names = ("on_demand_base", "on_demand_percent")
    changed = [
        f"nodes.{name} {now} -> {then}"
        for name, now, then in zip(names, found.on_demand, wanted, strict=True)
        if now != then
    ]
    return (
        f"{found.group}: {', '.join(changed)}: Auto Scaling may replace nodes that run, busy ones "
        "too, until as many are on demand: apply it while the queue is quiet",
    )


def _nodes(count: int) -> str:
    return "1 node" if count == 1 else f"{count} nodes"


def read_moved(client: AutoScalingClient, plan: StackPlan) -> Moved | None:
    """Read the bounds of a plan's group; None where it has none, or none is there.

    A minimum that a window of scaling sets is wanted as it is, and no maximum below the nodes that
    run: Auto Scaling would choose which of them end. Raises OpsError.
    """
    for group in plan.suspends:
        found = _read(client, group)
        if found is not None:
            least, most = int(plan.parameters["MinNodes"]), int(plan.parameters[_MOST])
            by_clock = found.minimum in minimums(plan.template["Resources"])
            most = max(most, found.running)
            return Moved(found, Sizes(group, found.minimum if by_clock else least, most))
    return None


def with_sizes(client: AutoScalingClient, plan: StackPlan, proposal: Proposal) -> Proposal:
    """Return what is proposed with the bounds that are put back beside it. Raises OpsError."""
    moved = read_moved(client, plan)
    change = None if moved is None else moved.change()
    return proposal if change is None else proposal.also(change)


def put_back(client: AutoScalingClient, wanted: Sizes) -> None:
    """Set a group's bounds where they are others. Raises OpsError."""
    if _read(client, wanted.group) not in (None, wanted):
        with aws_errors(f"setting the bounds of {wanted.group}", service="autoscaling"):
            client.update_auto_scaling_group(
                AutoScalingGroupName=wanted.group, MinSize=wanted.minimum, MaxSize=wanted.maximum
            )


def _read(client: AutoScalingClient, group: str) -> Sizes | None:
    with aws_errors(f"reading {group}", service="autoscaling"):
        found = client.describe_auto_scaling_groups(AutoScalingGroupNames=[group])
    for one in found["AutoScalingGroups"]:
        return Sizes(group, one["MinSize"], one["MaxSize"], one["DesiredCapacity"], _on_demand(one))
    return None


def _on_demand(group: Any) -> tuple[int, int]:
    """Return what of a group is on demand: all of it where it does not say."""
    shares = group.get("MixedInstancesPolicy", {}).get("InstancesDistribution", {})
    base = int(shares.get("OnDemandBaseCapacity", 0))
    return base, int(shares.get("OnDemandPercentageAboveBaseCapacity", 100))
