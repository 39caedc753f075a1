"""Bounds of an Auto Scaling group that were changed by hand, put back.

A group's update policy has CloudFormation leave sizes alone that its template does not change
(`IgnoreUnmodifiedGroupSizeProperties`): an update in a window would undo the window's minimum.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ops.aws import aws_errors
from ops.stack.changes import Change
from ops.stack.windows import minimums

if TYPE_CHECKING:
    from mypy_boto3_autoscaling import AutoScalingClient

    from ops.stack.changes import Proposal
    from ops.stack.compose import StackPlan

_KIND: Final = "AWS::AutoScaling::AutoScalingGroup"


@dataclass(frozen=True, slots=True)
class Sizes:
    """The bounds of a group, in nodes."""

    group: str
    minimum: int
    maximum: int
    running: int = field(default=0, compare=False)
    """The desired capacity."""


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


def read_moved(client: AutoScalingClient, plan: StackPlan) -> Moved | None:
    """Read the bounds of a plan's group; None where it has none, or none is there.

    A minimum that a window of scaling sets is wanted as it is, and no maximum below the nodes that
    run: Auto Scaling would choose which of them end. Raises OpsError.
    """
    for group in plan.suspends:
        found = _read(client, group)
        if found is not None:
            least, most = int(plan.parameters["MinNodes"]), int(plan.parameters["MaxNodes"])
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
        return Sizes(group, one["MinSize"], one["MaxSize"], one["DesiredCapacity"])
    return None
