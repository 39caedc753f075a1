"""Mends of moto's ECS, for the process that serves it: services that have tasks.

moto 5.2 counts a service's tasks and has none of them. Here a service starts as many as it desires,
which run at once, starts another for one that is stopped, and when it desires fewer it stops those
that are not protected from scale-in, the oldest first. Tasks do nothing: they have an id.
"""

from __future__ import annotations

import functools
import secrets
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from moto.core.responses import ActionResult
from moto.ecs.models import EC2ContainerServiceBackend
from moto.ecs.responses import EC2ContainerServiceResponse

_LOCK = threading.RLock()


def mend() -> None:
    """Mend moto's ECS in this process."""
    backend = EC2ContainerServiceBackend
    backend.create_service = _settled(backend.create_service)
    backend.update_service = _settled(backend.update_service)
    backend.list_tasks = _listing(backend.list_tasks)
    backend.stop_task = _stopping(backend.stop_task)
    EC2ContainerServiceResponse.update_task_protection = _update_task_protection


def _settled(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        with _LOCK:
            service = original(*args, **kwargs)
            _settle(service)
            return service

    return call


def _settle(service: Any) -> None:
    tasks = _tasks(service)
    while len(tasks) < service.desired_count:
        tasks[secrets.token_hex(16)] = False
    for task in [task for task, protected in tasks.items() if not protected]:
        if len(tasks) > service.desired_count:
            del tasks[task]
    service.running_count, service.pending_count = len(tasks), 0


def _tasks(service: Any) -> dict[str, bool]:
    """Return whether each task of a service is protected, the oldest first."""
    tasks: dict[str, bool] = vars(service).setdefault("_tasks_of_the_mend", {})
    return tasks


def _services(backend: Any, cluster_str: str) -> list[Any]:
    cluster = backend._get_cluster(cluster_str)
    return [each for each in backend.services.values() if each.cluster_name == cluster.name]


def _arn(service: Any, task: str) -> str:
    kind, _, _ = service.cluster_arn.partition(":cluster/")
    return f"{kind}:task/{service.cluster_name}/{task}"


def _listing(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def list_tasks(backend: Any, cluster_str: str, *filters: str | None) -> Any:
        _, _, _, service_name, desired_status = filters
        if service_name is None:
            return original(backend, cluster_str, *filters)
        with _LOCK:
            service = backend._get_service(cluster_str, service_name)
            running = desired_status in (None, "RUNNING")
            tasks = list(_tasks(service)) if running else []
        return [SimpleNamespace(task_arn=_arn(service, task)) for task in tasks]

    return list_tasks


def _stopping(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def stop_task(backend: Any, cluster_str: str, task_str: str, reason: str) -> Any:
        task = task_str.rpartition("/")[2]
        with _LOCK:
            for service in _services(backend, cluster_str):
                if task in _tasks(service):
                    del _tasks(service)[task]
                    _settle(service)
                    return {"taskArn": _arn(service, task), "stoppedReason": reason}
        return original(backend, cluster_str, task_str, reason)

    return stop_task


def _update_task_protection(response: Any) -> ActionResult:
    backend = response.ecs_backend
    protect = response._get_bool_param("protectionEnabled")
    done, failures = [], []
    with _LOCK:
        services = _services(backend, response._get_param("cluster"))
        for name in response._get_param("tasks", []):
            task = name.rpartition("/")[2]
            service = next((each for each in services if task in _tasks(each)), None)
            if service is None:
                failures.append({"arn": name, "reason": "TASK_NOT_VALID"})
            else:
                _tasks(service)[task] = protect
                done.append({"taskArn": _arn(service, task), "protectionEnabled": protect})
        for each in services:
            _settle(each)
    return ActionResult({"protectedTasks": done, "failures": failures})
