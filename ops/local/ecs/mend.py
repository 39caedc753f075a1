"""Mends of moto's ECS, for the process that serves it: services that have tasks.

moto 5.2 counts a service's tasks and has none of them. Here a service starts as many as it desires,
starts another for one that has ended, and when it desires fewer it stops those that are not
protected from scale-in, the oldest first.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, Final

from moto.core.responses import ActionResult
from moto.ecs.exceptions import EcsClientException, InvalidParameterException
from moto.ecs.models import EC2ContainerServiceBackend
from moto.ecs.responses import EC2ContainerServiceResponse

from ops.local.ecs import deployments
from ops.local.ecs.checks import BadCheck, check_of
from ops.local.ecs.services import Services
from ops.local.ecs.task import RUNNING, STOPPED, Task

#: UpdateTaskProtection (API reference), in minutes.
_PROTECTED: Final = 120
_PROTECTED_AT_MOST: Final = 2880


def mend(services: Services) -> None:
    """Have the services of this process be kept by `services`."""
    backend, response = EC2ContainerServiceBackend, EC2ContainerServiceResponse
    backend.register_task_definition = _registering(backend.register_task_definition)
    backend.create_service = _settled(services, backend.create_service)
    backend.update_service = _updated(services, backend.update_service)
    backend.delete_service = _deleted(services, backend.delete_service)
    backend.describe_services = _described(services, backend.describe_services)
    backend.list_tasks = _listing(services, backend.list_tasks)
    backend.stop_task = _stopping(services, backend.stop_task)
    response.describe_tasks = _describing(services, response.describe_tasks)
    response.update_task_protection = _protecting(services)
    response.get_task_protection = _protection(services)


def _registering(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def register_task_definition(
        backend: Any, family: str, container_definitions: list[dict[str, Any]], **more: Any
    ) -> Any:
        try:
            for each in container_definitions:
                check_of(each)
        except BadCheck as error:
            raise EcsClientException(str(error)) from None
        return original(backend, family, container_definitions, **more)

    return register_task_definition


def _settled(services: Services, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        with services.lock:
            service = original(*args, **kwargs)
            services.settle(service)
            return service

    return call


def _updated(services: Services, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def update_service(backend: Any, properties: dict[str, Any]) -> Any:
        forced = properties.get("force_new_deployment")
        with services.lock:
            service = original(backend, properties)
            if forced:
                deployments.anew(service)
            services.settle(service)
            return service

    return update_service


def _deleted(services: Services, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def delete_service(*args: Any, **kwargs: Any) -> Any:
        with services.lock:
            service = original(*args, **kwargs)
            service.status, service.desired_count = "DRAINING", 0
            services.settle(service)
            return service

    return delete_service


def _described(services: Services, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def describe_services(*args: Any, **kwargs: Any) -> Any:
        with services.lock:
            found, failures = original(*args, **kwargs)
            for each in found:
                if each.status != "INACTIVE":
                    services.settle(each)
            return found, failures

    return describe_services


def _tasks(services: Services, backend: Any, cluster_str: str | None) -> list[Task]:
    """Return the tasks of a cluster's services."""
    cluster = backend._get_cluster(cluster_str or "default")
    return [each for each in services.all() if each.service.cluster_arn == cluster.arn]


def _named(tasks: list[Task], name: str) -> Task | None:
    id = name.rpartition("/")[2]
    return next((each for each in tasks if each.id == id), None)


def _listing(services: Services, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def list_tasks(backend: Any, cluster_str: str, *filters: str | None) -> Any:
        instance, family, started_by, service_name, desired = filters
        with services.lock:
            found = _tasks(services, backend, cluster_str)
            if service_name is not None:
                service = backend._get_service(cluster_str, service_name.rpartition("/")[2])
                if service.status != "INACTIVE":
                    services.settle(service)
                found = [each for each in services.all() if each.service is service]
            ours = [
                SimpleNamespace(task_arn=each.arn)
                for each in found
                if each.desired == (desired or RUNNING)
                and instance is None
                and started_by is None
                and family in (None, each.definition.family)
            ]
        if service_name is not None:
            return ours
        return [*original(backend, cluster_str, *filters), *ours]

    return list_tasks


def _describing(services: Services, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def describe_tasks(response: Any) -> ActionResult:
        names = response._get_param("tasks", [])
        with services.lock:
            ours = _tasks(services, response.ecs_backend, response._get_param("cluster"))
            for service in {id(each.service): each.service for each in ours}.values():
                if service.status != "INACTIVE":
                    services.settle(service)
            known = {name: found for name in names if (found := _named(ours, name)) is not None}
            if not known:
                result: ActionResult = original(response)
                return result
            tags = "TAGS" in response._get_param("include", [])
            shown = [each.shown() for each in known.values()]
        return ActionResult(
            {
                "tasks": [each if tags else {**each, "tags": []} for each in shown],
                "failures": [
                    {"arn": name, "reason": "MISSING"} for name in names if name not in known
                ],
            }
        )

    return describe_tasks


def _stopping(services: Services, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def stop_task(backend: Any, cluster_str: str, task_str: str, reason: str) -> Any:
        with services.lock:
            task = _named(_tasks(services, backend, cluster_str), task_str)
            if task is not None:
                services.stop(task, reason or "Task stopped by user", "UserInitiated")
                services.settle(task.service)
                return task.shown()
        return original(backend, cluster_str, task_str, reason)

    return stop_task


def _protecting(services: Services) -> Callable[[Any], ActionResult]:
    def update_task_protection(response: Any) -> ActionResult:
        protect = response._get_bool_param("protectionEnabled")
        minutes = int(response._get_param("expiresInMinutes") or _PROTECTED)
        if not 1 <= minutes <= _PROTECTED_AT_MOST:
            raise InvalidParameterException(
                f"expiresInMinutes must be between 1 and {_PROTECTED_AT_MOST}."
            )

        def change(task: Task) -> None:
            task.protected_until = time.time() + 60 * minutes if protect else 0.0

        return _each(services, response, change)

    return update_task_protection


def _protection(services: Services) -> Callable[[Any], ActionResult]:
    return lambda response: _each(services, response, lambda _: None)


def _each(services: Services, response: Any, change: Callable[[Task], None]) -> ActionResult:
    """Do something to each task that is asked for, and return how each is protected."""
    done: list[dict[str, Any]] = []
    failures = []
    with services.lock:
        ours = _tasks(services, response.ecs_backend, response._get_param("cluster"))
        touched: dict[int, Any] = {}
        for name in response._get_param("tasks") or [each.arn for each in ours]:
            task = _named(ours, name)
            if task is None or task.desired == STOPPED:
                failures.append({"arn": name, "reason": "TASK_NOT_VALID"})
                continue
            change(task)
            touched[id(task.service)] = task.service
            shown: dict[str, Any] = {"taskArn": task.arn, "protectionEnabled": False}
            if task.protected(time.time()):
                shown["protectionEnabled"] = True
                shown["expirationDate"] = datetime.fromtimestamp(task.protected_until, UTC)
            done.append(shown)
        for service in touched.values():
            services.settle(service)
    return ActionResult({"protectedTasks": done, "failures": failures})
