"""A service's deployments: what its tasks are to be made of, and since when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from moto.ec2.models import ec2_backends

if TYPE_CHECKING:
    from ops.local.ecs.task import Task

#: What moto keeps nothing of is kept with its service.
_GENERATION: Final = "_generation_of_the_mend"
_MADE_OF: Final = "_made_of_in_the_mend"


def generation(service: Any) -> int:
    """Return the number of a service's deployment: another where its definition is another."""
    kept = vars(service)
    made_of = definition(service).arn
    if kept.setdefault(_MADE_OF, made_of) != made_of:
        kept[_MADE_OF] = made_of
        anew(service)
    number: int = kept.setdefault(_GENERATION, 1)
    return number


def anew(service: Any) -> None:
    """Begin another deployment, also of the same definition."""
    kept = vars(service)
    kept[_GENERATION] = kept.get(_GENERATION, 1) + 1


def definition(service: Any) -> Any:
    """Return the definition that a service's tasks are made of."""
    return service._backend.describe_task_definition(service.task_definition)


def zones(service: Any) -> list[str]:
    """Return the zones of a service's subnets, or the first of its region's."""
    wanted = (service.network_configuration or {}).get("awsvpcConfiguration", {}).get("subnets")
    if not wanted:
        return [f"{service.region_name}a"]
    backend = ec2_backends[service._account_id][service.region_name]
    return [backend.get_subnet(each).availability_zone for each in wanted]


def show(service: Any, tasks: Sequence[Task]) -> None:
    """Set what DescribeServices shows of its deployments: the primary one, and those before it
    that still have tasks; `tasks` are those that are to run.
    """
    if service.status != "ACTIVE":
        service.deployments = []
    if not service.deployments:  # it has a controller of its own, or none any more
        return
    now = generation(service)
    primary = service.deployments[0]
    primary |= {"id": f"ecs-svc/{now}", "taskDefinition": definition(service).arn}
    primary |= _counts([each for each in tasks if each.generation == now])
    primary["desiredCount"] = service.desired_count
    there = sorted({each.generation for each in tasks if each.generation != now}, reverse=True)
    done = not there and primary["runningCount"] >= service.desired_count
    primary["rolloutState"] = "COMPLETED" if done else "IN_PROGRESS"
    primary["rolloutStateReason"] = (
        f"ECS deployment {primary['id']} {'completed' if done else 'in progress'}."
    )
    service.deployments[1:] = [
        {
            **_counts(old := [each for each in tasks if each.generation == number]),
            "id": f"ecs-svc/{number}",
            "status": "ACTIVE",
            "taskDefinition": old[0].definition.arn,
            "desiredCount": 0,
            "createdAt": datetime.fromtimestamp(old[0].created_at, UTC),
            "updatedAt": datetime.now(UTC),
        }
        for number in there
    ]


def _counts(tasks: Sequence[Task]) -> dict[str, int]:
    running = sum(each.last_status == "RUNNING" for each in tasks)
    return {"runningCount": running, "pendingCount": len(tasks) - running}
