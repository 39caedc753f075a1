"""Instances and tasks that are processes, for the process that serves the local AWS."""

from __future__ import annotations

import threading
from dataclasses import asdict
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

from ops.local.admin import Refused, Request
from ops.local.announce import Announcer
from ops.local.autoscaling import events, wiring
from ops.local.autoscaling.groups import Groups
from ops.local.autoscaling.member import Member
from ops.local.ecs.runners import Processes
from ops.local.ecs.services import Services
from ops.local.ecs.task import Task
from ops.local.machines import Machines
from ops.local.ssm import answers


class Compute:
    """The groups, services and machines of a fleet's folder.

    `application` is the path of the manifest whose folder the images of containers hold.
    """

    def __init__(
        self,
        folder: Path,
        boot_seconds: float,
        endpoint: str,
        *,
        application: str = "",
        short_hooks: bool = False,
    ) -> None:
        self.lock = threading.RLock()
        self._machines = Machines(folder, boot_seconds)
        self._groups = Groups(self._machines, Announcer().put, endpoint, self.lock)
        self.services = Services(
            Processes(
                folder,
                boot_seconds,
                endpoint=endpoint,
                application=application,
                address=self._machines.address,
            )
        )
        self.services.keep()
        wiring.install(self._groups, short_hooks=short_hooks)
        answers.install(self._machines, short_timeouts=short_hooks)

    def close(self) -> None:
        """End all machines, and wait for it."""
        with self.lock:
            self._groups.closed = True
        tasks = threading.Thread(target=self.services.close, name="tasks")
        tasks.start()
        self._machines.close()
        tasks.join()

    def answer(self, request: Request) -> Any:
        """Answer ``/_fleet/instances``: GET lists; POST ID interrupts, rebalances or kills."""
        if request.method == "GET":
            with self.lock:
                return {"instances": [self._shown(each.id) for each in self._machines.all()]}
        with self.lock:
            member = self._groups.member(request.rest)
            if member is None:
                raise Refused(
                    f"{request.rest}: expected the id of a running instance of a group",
                    HTTPStatus.NOT_FOUND,
                )
            match request.body:
                case {"kill": True}:
                    self._machines.kill(member.id)
                case {"spot_action": {"action": str(action), "time": str(at)}}:
                    self._interrupt(member, action, at)
                case {"rebalance": {"noticeTime": str(at)}}:
                    self._rebalance(member, at)
                case _:
                    raise Refused(
                        'expected {"kill": true}, {"spot_action": {"action", "time"}} or '
                        f'{{"rebalance": {{"noticeTime"}}}}, got {request.body!r}'
                    )
            return self._shown(member.id)

    def answer_tasks(self, request: Request) -> Any:
        """Answer ``/_fleet/tasks``: GET lists those of services; POST ID kills one."""
        with self.services.lock:
            if request.method == "GET":
                return {"tasks": [self._task(each) for each in self.services.all()]}
            task = self.services.get(request.rest)
            if task is None or task.stopped_at is not None:
                raise Refused(
                    f"{request.rest}: expected the id of a task that runs", HTTPStatus.NOT_FOUND
                )
            if request.body != {"kill": True}:
                raise Refused(f'expected {{"kill": true}}, got {request.body!r}')
            self.services.runner.kill(task)
            return self._task(task)

    def _task(self, task: Task) -> dict[str, Any]:
        return {
            "task_id": task.id,
            "service": task.service.name,
            "state": task.last_status,
            "health": task.health,
            "since": task.since,
            "reason": task.stopped_reason,
            "address": task.address,
            **self.services.runner.place(task),
            "containers": {each.name: asdict(each) for each in task.account.containers},
        }

    def _interrupt(self, member: Member, action: str, at: str) -> None:
        member.reclaim_at = _seconds(at)
        self._machines.tell(member.id, spot_action={"action": action, "time": at})
        self._groups.roster.announce(member, events.spot_warning(member.id, member.arn, action))

    def _rebalance(self, member: Member, at: str) -> None:
        _seconds(at)
        self._machines.tell(member.id, rebalance={"noticeTime": at})
        self._groups.roster.announce(member, events.rebalance_recommended(member.id, member.arn))
        if member.group.capacity_rebalance:
            member.at_risk = True
            self._groups.settle(member.group)

    def _shown(self, instance: str) -> dict[str, Any]:
        machine, member = self._machines.get(instance), self._groups.member(instance)
        return {
            "instance_id": instance,
            "group": None if member is None else member.group.name,
            "state": None if member is None else member.standing,
            "health": None if member is None else member.state.health_status,
            "address": None if machine is None else machine.address,
            "folder": None if machine is None else str(machine.folder),
            "pid": None if machine is None or machine.process is None else machine.process.pid,
        }


def _seconds(at: str) -> float:
    try:
        then = datetime.fromisoformat(at)
    except ValueError as error:
        raise Refused(f"expected a time such as 2026-01-02T03:04:05Z, got {at!r}") from error
    if then.tzinfo is None:
        raise Refused(f"expected a time with its zone, such as 2026-01-02T03:04:05Z, got {at!r}")
    return then.timestamp()
