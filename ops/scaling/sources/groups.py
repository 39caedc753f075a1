"""The fleet's Auto Scaling groups, found by their tags: DescribeAutoScalingGroups, 100 a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ops.scaling.model import Group, Instance, Lifecycle, Reading
from ops.scaling.sources.troubles import TIMED_OUT, trouble

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_autoscaling import AutoScalingClient

SOURCE: Final = "autoscaling:DescribeAutoScalingGroups"
FLEET_TAG: Final = "fleet:name"
QUEUE_TAG: Final = "fleet:queue"

_PAGE: Final = 100
#: 500 groups a region is Auto Scaling's own quota, which can be raised: a bound, not a limit.
_MOST_PAGES: Final = 50

#: Auto Scaling's states (LifecycleState in its API model) by what they mean for us. An instance
#: whose root volume is being replaced comes back into service.
_LIFECYCLES: Final = {
    "InService": Lifecycle.IN_SERVICE,
    "Pending": Lifecycle.PENDING,
    "ReplacingRootVolume": Lifecycle.PENDING,
    "RootVolumeReplaced": Lifecycle.PENDING,
}


class Groups:
    """One reading of all groups of a fleet, page by page; what came before a failure is kept."""

    def __init__(self, client: AutoScalingClient, fleet: str) -> None:
        self._client = client
        self._fleet = fleet
        self._found: dict[str, list[Any]] = {}
        self._trouble = TIMED_OUT
        """Why not every page is read, "" once it is."""

    def read(self) -> None:
        """Read every page. Raises nothing: `reading` tells what went wrong."""
        request: dict[str, Any] = {
            "Filters": [{"Name": f"tag:{FLEET_TAG}", "Values": [self._fleet]}],
            "MaxRecords": _PAGE,
        }
        try:
            for _ in range(_MOST_PAGES):
                answer: Any = self._client.describe_auto_scaling_groups(**request)
                for group in answer["AutoScalingGroups"]:
                    queue = _tags(group).get(QUEUE_TAG)
                    if queue is not None:
                        self._found.setdefault(queue, []).append(group)
                token = answer.get("NextToken")
                if not token:
                    self._trouble = ""
                    return
                request["NextToken"] = token
            self._trouble = f"malformed: more than {_MOST_PAGES} pages of groups"
        except Exception as error:  # the groups of the pages before are as good as ever
            self._trouble = trouble(error, SOURCE)

    def reading(self, queue: str, now: float, *, predicted: bool) -> Reading[Group]:
        """Return the group of a queue, as far as the pages are read.

        A group that no page had is absent only if every page was read. `predicted` has the
        minimum include what AWS's predictive scaling holds ready.
        """
        found = list(self._found.get(queue, ()))
        if not found:
            wanted = _wanted(self._fleet, queue)
            missing = (
                f"absent: no group has the tags {wanted}: "
                "put them on the queue's Auto Scaling group"
            )
            return Reading(None, now, SOURCE, self._trouble or missing)
        if len(found) > 1:
            names = ", ".join(sorted(str(each.get("AutoScalingGroupName")) for each in found))
            why = f"malformed: {names} all have the tags {_wanted(self._fleet, queue)}: keep one"
            return Reading(None, now, SOURCE, why)
        try:
            return _reading(found[0], now, predicted)
        except (KeyError, TypeError, ValueError) as error:
            return Reading(None, now, SOURCE, trouble(error, SOURCE))


def _reading(group: Mapping[str, Any], now: float, predicted: bool) -> Reading[Group]:
    name = group["AutoScalingGroupName"]
    if group.get("Status"):
        # It is told only while the group is being deleted.
        return Reading(None, now, SOURCE, f"absent: {name}: {group['Status']}")
    if any(each.get("WeightedCapacity", "1") != "1" for each in group["Instances"]):
        why = f"malformed: {name}: its capacity counts weights, and not instances: remove them"
        return Reading(None, now, SOURCE, why)
    return Reading(group_of(group, predicted=predicted), now, SOURCE)


def group_of(group: Mapping[str, Any], *, predicted: bool = False) -> Group:
    """Return a group as DescribeAutoScalingGroups tells it. Raises KeyError where it does not.

    It tells the size of the warm pool, and its instances only while they come and go: those that
    it leaves out stand here without ids that exist (`{group}/warm/1`).
    """
    minimum = int(group["MinSize"])
    if predicted:
        minimum = max(minimum, int(group.get("PredictedCapacity") or 0))
    instances = [instance_of(each) for each in group["Instances"]]
    told = sum(each.lifecycle is Lifecycle.WARM for each in instances)
    unnamed = max(0, int(group.get("WarmPoolSize") or 0) - told)
    name = str(group["AutoScalingGroupName"])
    warm = (Instance(f"{name}/warm/{n}", Lifecycle.WARM) for n in range(1, unnamed + 1))
    return Group(
        name=name,
        desired=int(group["DesiredCapacity"]),
        minimum=min(minimum, int(group["MaxSize"])),
        maximum=int(group["MaxSize"]),
        instances=(*instances, *warm),
        suspended=frozenset(p["ProcessName"] for p in group.get("SuspendedProcesses", ())),
    )


def instance_of(instance: Mapping[str, Any]) -> Instance:
    """Return an instance as a group tells it."""
    return Instance(
        id=str(instance["InstanceId"]),
        lifecycle=lifecycle_of(str(instance["LifecycleState"])),
        healthy=instance.get("HealthStatus", "Healthy") == "Healthy",
        protected=bool(instance.get("ProtectedFromScaleIn", False)),
    )


def lifecycle_of(state: str) -> Lifecycle:
    """Return what an instance's state means for capacity; what is not known counts for none."""
    first, _, rest = state.partition(":")
    if first == "Warmed":
        return Lifecycle.LEAVING if rest.startswith("Terminat") else Lifecycle.WARM
    return _LIFECYCLES.get(first, Lifecycle.LEAVING)


def _tags(group: Mapping[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in group.get("Tags", ())}


def _wanted(fleet: str, queue: str) -> str:
    return f"{FLEET_TAG}={fleet} and {QUEUE_TAG}={queue}"
