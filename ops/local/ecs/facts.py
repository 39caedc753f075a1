"""From a definition of a task, as moto keeps it, to what its host is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from ops.local.ecs.checks import BadCheck, check_of
from ops.local.ecs.host.facts import Container, Facts, Restart
from ops.local.identity import key_of
from ops.local.names import EXPECTED, is_part

if TYPE_CHECKING:
    from ops.local.ecs.task import Task

#: What Fargate waits for a container to stop that says nothing, and the most that it waits.
_STOP_SECONDS: Final = 30.0
_STOP_AT_MOST_SECONDS: Final = 120.0
#: `restartAttemptPeriod` where a policy names none (ContainerRestartPolicy, API reference).
_RESTART_SECONDS: Final = 300.0


class CannotStart(Exception):
    """A task that the local AWS does not know how to run; the text says why."""


def facts_of(task: Task, endpoint: str, application: str) -> Facts:
    """Return what the host of a task is told. Raises CannotStart."""
    definition, service = task.definition, task.service
    arn = getattr(definition, "task_role_arn", None) or ""
    role = arn.rpartition("/")[2]
    return Facts(
        arn=task.arn,
        cluster=service.cluster_arn,
        family=definition.family,
        revision=str(definition.revision),
        service=service.name,
        region=service.region_name,
        zone=task.zone,
        cpu=str(definition.cpu or ""),
        memory=str(definition.memory or ""),
        role=arn,
        key=key_of(role, task.id) if role else "",
        endpoint=endpoint,
        application=application,
        containers=tuple(_container(each) for each in definition.container_definitions),
    )


def stop_seconds(definition: Any) -> float:
    """Return how long a task may take to stop: its containers may do so one after another."""
    return sum(_stop_seconds(each) for each in definition.container_definitions)


def _container(of: Mapping[str, Any]) -> Container:
    name = of["name"]
    for each in (name, *(each["sourceVolume"] for each in of.get("mountPoints") or ())):
        # Each is a folder of the task.
        if not is_part(each):
            raise CannotStart(
                f"{name!r:.100}: expected up to 255 {EXPECTED} in the names of a container and its "
                f"volumes, got {each!r:.100}"
            )
    for each in of.get("dependsOn") or ():
        if each["condition"] != "START":
            raise CannotStart(
                f"{name}: dependsOn: expected the condition START, which is all that the local AWS "
                f"knows, got {each['condition']}"
            )
    try:
        check = check_of(of)
    except BadCheck as error:
        raise CannotStart(str(error)) from None
    return Container(
        name=name,
        image=str(of.get("image", "")),
        command=(*_words(of.get("entryPoint")), *_words(of.get("command"))),
        environment={each["name"]: each.get("value", "") for each in of.get("environment") or ()},
        essential=bool(of.get("essential", True)),
        stop_seconds=_stop_seconds(of),
        restart=_restart(of.get("restartPolicy")),
        after=tuple(each["containerName"] for each in of.get("dependsOn") or ()),
        mounts={
            each["containerPath"]: each["sourceVolume"] for each in of.get("mountPoints") or ()
        },
        check=check,
    )


def _words(found: Sequence[str] | None) -> tuple[str, ...]:
    return tuple(str(each) for each in found or ())


def _stop_seconds(of: Mapping[str, Any]) -> float:
    return min(float(of.get("stopTimeout") or _STOP_SECONDS), _STOP_AT_MOST_SECONDS)


def _restart(policy: Mapping[str, Any] | None) -> Restart | None:
    if not policy or not policy.get("enabled"):
        return None
    period = float(policy.get("restartAttemptPeriod") or _RESTART_SECONDS)
    return Restart(period, tuple(int(each) for each in policy.get("ignoredExitCodes") or ()))
