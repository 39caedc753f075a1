"""The capacity of an ECS service, where the service's scheduler chooses what it stops.

UpdateService lowers the desired count and names no task; of those that are not protected from
scale-in the scheduler stops what balances zones best. So every task but the victims is protected
first, the victims are not, and then the count is lowered by as many: it has nothing else to choose.
StopTask instead would race with the scheduler, which starts another in the place of a stopped task
before the count is lower, or stops another before the task is.

The races, and what becomes of each:

- A task started after the tasks were listed, which is not protected: the service is described after
  everything is protected, and where it has other counts than the tasks that were listed, or tasks
  that are starting, nothing is lowered. A task that starts in the milliseconds between that answer
  and UpdateService may be stopped in the victim's place. It has hardly begun: its worker drains at
  SIGTERM, and hands back what it has.
- A deployment: it starts and stops tasks of its own. Nothing is lowered while there is one.
- A victim that has ended by itself meanwhile: the service has fewer tasks than it should, or is
  starting one, and nothing is lowered.
- Another engine: UpdateService sets an absolute count, without a condition, as SetDesiredCapacity
  does (see `capacity_ec2`), so the lease is looked at right before. Were a late one to lower the
  count all the same, the tasks that it protected are out of its reach; tasks that the other engine
  started meanwhile are not.
- An answer that did not come: the victims stay claimed and never receive again. If the count was
  lowered, they are stopped; if not, they are replaced later, which changes no count.

Protection ends by itself, soon enough not to hold up a deployment for long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ops.aws import unattended
from ops.scaling.capacity import Refused, sorted_out
from ops.scaling.capacity_ec2 import ANSWER_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from boto3.session import Session
    from mypy_boto3_ecs import ECSClient

    from ops.scaling.model import Group
    from worker.fleet import Fleet

#: UpdateTaskProtection takes this many tasks a call (API reference).
_PROTECT_A_CALL: Final = 10
#: The scheduler stops tasks within seconds of a lower count.
_PROTECTED_MINUTES: Final = 10
_UPDATE: Final = "ecs:UpdateService"
_STOP: Final = "ecs:StopTask"
_REASON_MOST: Final = 1024


class ServiceCapacity:
    """ECS services as `ops.scaling.capacity.Capacity`; safe between threads."""

    #: All that are ended in one pass share the protecting of the others.
    batch: Final = 50

    def __init__(self, client: ECSClient, cluster: str) -> None:
        """`client` must send each request once (`of` makes it so)."""
        self._client = client
        self._cluster = cluster

    @classmethod
    def of(
        cls, fleet: Fleet, connections: int = 10, session: Session | None = None
    ) -> ServiceCapacity:
        """Return one with a client of its own, without retries."""
        client: ECSClient = unattended(
            "ecs",
            fleet,
            read_seconds=ANSWER_SECONDS,
            attempts=1,
            connections=connections,
            session=session,
        )
        return cls(client, fleet.name)

    def launch(self, group: Group, desired: int) -> None:
        """Raise the desired count."""
        self._set_count(group, desired)

    def end(
        self, group: Group, desired: int, nodes: Sequence[str], holds: Callable[[], bool]
    ) -> None:
        """Protect all tasks but these, and lower the desired count by as many."""
        if desired - len(nodes) < group.minimum:
            raise Refused(f"{group.name} is at its minimum of {group.minimum}")
        try:
            tasks = self._tasks(group)
            if gone := set(nodes) - tasks:
                raise Refused(f"absent: {', '.join(sorted(gone))} runs no more")
            self._protect(sorted(tasks - set(nodes)), protected=True)
            self._protect(sorted(nodes), protected=False)
            self._check_unchanged(group, desired, len(tasks))
        except Refused:
            raise
        except Exception as error:
            # Whatever was protected, no count is lower for it.
            raise Refused(str(sorted_out(error, "ecs:UpdateTaskProtection"))) from error
        if not holds():
            raise Refused("the lease has lapsed")
        self._set_count(group, desired - len(nodes))

    def replace(self, group: Group, node: str, why: str) -> None:
        """Stop a task; its service starts another. It may be sent as often as one likes."""
        try:
            self._client.stop_task(
                cluster=self._cluster, task=node, reason=f"fleet: {why}"[:_REASON_MOST]
            )
        except Exception as error:
            raise sorted_out(error, _STOP) from error

    def _set_count(self, group: Group, desired: int) -> None:
        try:
            self._client.update_service(
                cluster=self._cluster, service=group.name, desiredCount=desired
            )
        except Exception as error:
            raise sorted_out(error, _UPDATE) from error

    def _tasks(self, group: Group) -> set[str]:
        """Return the ids of the tasks that the service means to have running."""
        pages = self._client.get_paginator("list_tasks").paginate(
            cluster=self._cluster, serviceName=group.name, desiredStatus="RUNNING"
        )
        return {arn.rpartition("/")[2] for page in pages for arn in page["taskArns"]}

    def _protect(self, tasks: Sequence[str], *, protected: bool) -> None:
        lasts: dict[str, Any] = {"expiresInMinutes": _PROTECTED_MINUTES} if protected else {}
        for first in range(0, len(tasks), _PROTECT_A_CALL):
            answer = self._client.update_task_protection(
                cluster=self._cluster,
                tasks=list(tasks[first : first + _PROTECT_A_CALL]),
                protectionEnabled=protected,
                **lasts,
            )
            for failure in answer.get("failures", ()):
                task = str(failure.get("arn", "")).rpartition("/")[2]
                what = "protected" if protected else "unprotected"
                raise Refused(f"{task} cannot be {what}: {failure.get('reason', 'no reason')}")

    def _check_unchanged(self, group: Group, desired: int, tasks: int) -> None:
        answer = self._client.describe_services(cluster=self._cluster, services=[group.name])
        (service,) = answer["services"]
        if len(service.get("deployments", ())) > 1:
            raise Refused(f"{group.name} is being deployed")
        found = (service["desiredCount"], service["runningCount"], service["pendingCount"])
        if found != (desired, tasks, 0):
            raise Refused(
                f"{group.name} changed meanwhile: expected {desired} desired, {tasks} running and "
                f"none starting, found {found[0]}, {found[1]} and {found[2]}"
            )
