"""ECS services told in the words of groups: DescribeServices for ten at a time, and nothing else.

A service `{fleet}-{queue}` in the cluster `{fleet}` is the queue's, if its tags say so.
DescribeServices counts tasks and does not name them, and naming them would cost two calls a
service; the tasks that have spoken name themselves in the registry. So a service's instances are
its nodes there, and as many without names as it is short of its desired count: those are being
started.

An item in the registry outlives its task. Where more nodes are registered than tasks run, those
that are longest silent are the ones that are gone, once they are silent for longer than a minute;
they are left out here, so that their items can be forgotten.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ops.scaling.model import Group, Instance, Lifecycle, Node, Reading
from ops.scaling.sources.groups import FLEET_TAG, QUEUE_TAG
from ops.scaling.sources.troubles import TIMED_OUT, trouble

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy_boto3_ecs import ECSClient

SOURCE: Final = "ecs:DescribeServices"
#: DescribeServices takes this many services a call (API reference).
SERVICES_A_CALL: Final = 10
#: Four reports in a row that did not come.
SILENT_SECONDS: Final = 60.0


class Services:
    """One reading of the services of some queues, ten a call; a call that fails costs its ten."""

    def __init__(self, client: ECSClient, fleet: str) -> None:
        self._client = client
        self._fleet = fleet
        self._found: dict[str, Any] = {}
        self._troubles: dict[str, str] = {}

    def read(self, queues: Sequence[str]) -> None:
        """Read the services of at most ten queues. Raises nothing."""
        try:
            answer: Any = self._client.describe_services(
                cluster=self._fleet,
                services=[f"{self._fleet}-{queue}" for queue in queues],
                include=["TAGS"],
            )
            by_name = {each["serviceName"]: each for each in answer["services"]}
            failed = {
                str(each.get("arn", "")).rpartition("/")[2]: str(each.get("reason", ""))
                for each in answer.get("failures", ())
            }
            for queue in queues:
                self._note(queue, by_name.get(f"{self._fleet}-{queue}"), failed)
        except Exception as error:  # the services of other calls are as good as ever
            self._troubles |= dict.fromkeys(queues, trouble(error, SOURCE))

    def reading(
        self, queue: str, nodes: Reading[tuple[Node, ...]], now: float, *, maximum: int
    ) -> Reading[Group]:
        """Return the service of a queue as a group; a service has no bounds of its own.

        Unknown where its nodes are: which of its tasks have spoken is then unknown too.
        """
        service = self._found.get(queue)
        if service is None:
            return Reading(None, now, SOURCE, self._troubles.get(queue, TIMED_OUT))
        if nodes.value is None:
            return Reading(None, now, SOURCE, f"its nodes are unknown: {nodes.trouble}")
        try:
            group = group_of(service, nodes.value, now, maximum=maximum)
        except (KeyError, TypeError, ValueError) as error:
            return Reading(None, now, SOURCE, trouble(error, SOURCE))
        return Reading(group, now, SOURCE)

    def _note(self, queue: str, service: Any, failed: Mapping[str, str]) -> None:
        name = f"{self._fleet}-{queue}"
        if service is None:
            reason = failed.get(name, "not in the answer")
            absent = (
                f"absent: no service {name} in the cluster {self._fleet}: create it there, with "
                f"the tags {FLEET_TAG}={self._fleet} and {QUEUE_TAG}={queue}"
            )
            self._troubles[queue] = absent if reason == "MISSING" else f"failed: {name}: {reason}"
            return
        tags = {tag["key"]: tag["value"] for tag in service.get("tags", ())}
        if (tags.get(FLEET_TAG), tags.get(QUEUE_TAG)) != (self._fleet, queue):
            self._troubles[queue] = (
                f"absent: {name} has not the tags {FLEET_TAG}={self._fleet} and "
                f"{QUEUE_TAG}={queue}: put them on the service"
            )
        elif service.get("status") != "ACTIVE":
            self._troubles[queue] = (
                f"absent: {name} is {service.get('status')}, as one that was deleted: "
                "ops stack apply --yes makes it again"
            )
        else:
            self._found[queue] = service


def group_of(
    service: Mapping[str, Any], nodes: Sequence[Node], now: float, *, maximum: int
) -> Group:
    """Return a service as a group. Raises KeyError where the answer lacks a count."""
    name = str(service["serviceName"])
    desired = int(service["desiredCount"])
    there = _still_there(nodes, int(service["runningCount"]), now)
    # A task whose end is claimed stays in the registry while it stops; the count it was taken from
    # is lower by then, which is how one that is being stopped differs from one that is not.
    ending = sorted(
        (node for node in there if node.claimed_at is not None),
        key=lambda node: node.claimed_at or 0.0,
    )
    leaving = {node.id for node in ending[: max(0, len(there) - desired)]}
    short = desired - (len(there) - len(leaving))
    starting = (f"{name}/pending/{number}" for number in range(1, short + 1))
    return Group(
        name=name,
        desired=desired,
        minimum=0,
        maximum=maximum,
        instances=(
            *(
                Instance(node.id, Lifecycle.LEAVING if node.id in leaving else Lifecycle.IN_SERVICE)
                for node in there
            ),
            *(Instance(each, Lifecycle.PENDING) for each in starting),
        ),
    )


def _still_there(nodes: Sequence[Node], running: int, now: float) -> list[Node]:
    """Leave out as many of the nodes that fell silent as there are more nodes than tasks."""
    surplus = max(0, len(nodes) - running)
    silent = sorted(
        (node for node in nodes if now - node.said_at > SILENT_SECONDS),
        key=lambda node: node.said_at,
    )
    gone = {node.id for node in silent[:surplus]}
    return [node for node in nodes if node.id not in gone]
