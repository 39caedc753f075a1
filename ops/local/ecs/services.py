"""Services and their tasks: started, kept at what is desired, deployed anew, and ended.

All methods but those that say otherwise are called with `lock` held.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from ops.local.autoscaling.choose import emptiest
from ops.local.ecs import deployments, events
from ops.local.ecs.balance import Bounds, moves
from ops.local.ecs.facts import CannotStart
from ops.local.ecs.host.seen import Account
from ops.local.ecs.task import RUNNING, STOPPED, Task

if TYPE_CHECKING:
    from ops.local.ecs.runners import Runner

_log = logging.getLogger(__name__)

_LOOK_SECONDS: Final = 0.5
#: A task that ends sooner than this did not come up: the next waits, as ECS throttles a service
#: whose tasks keep failing to start, though for longer each time.
_SHORT_LIVED_SECONDS: Final = 10.0
_RETRY_SECONDS: Final = 5.0
#: A task that has stopped is shown for an hour (StopTask and ListTasks, API reference).
_SHOWN_SECONDS: Final = 3600.0
_SHOWN_AT_MOST: Final = 1000
_SCALED_IN: Final = "Scaling activity initiated by (deployment ecs-svc/{})"
_REPLACED: Final = "Scaling activity initiated by deployment ecs-svc/{}"
_DELETED: Final = "Service was deleted"
_UNHEALTHY: Final = "Task failed container health checks"


class Services:
    """What becomes of the services of this process."""

    def __init__(self, runner: Runner) -> None:
        self.lock = threading.RLock()
        self.runner = runner
        #: Set at the end of the local AWS: what ends is no longer replaced.
        self.closed = False
        self._tasks: dict[str, Task] = {}
        self._ended: deque[Task] = deque(maxlen=_SHOWN_AT_MOST)
        self._services: list[Any] = []
        self._not_before: dict[str, float] = {}
        runner.on_gone = self._gone

    def keep(self) -> None:
        """Move on, from now on and without the lock, what happens by itself and in time."""
        threading.Thread(target=self._keep, name="services", daemon=True).start()

    def close(self) -> None:
        """End all tasks, without the lock, and wait for it."""
        with self.lock:
            self.closed = True
        self.runner.close()

    def of(self, service: Any) -> list[Task]:
        """Return a service's tasks that have not ended, the oldest first."""
        return [each for each in self._tasks.values() if each.service is service]

    def all(self) -> list[Task]:
        """Return all tasks, those that have ended within the hour first."""
        now = time.time()
        while self._ended and now - (self._ended[0].stopped_at or 0.0) > _SHOWN_SECONDS:
            self._ended.popleft()
        return [*self._ended, *self._tasks.values()]

    def get(self, task: str) -> Task | None:
        """Return a task by its id, also one that has ended within the hour."""
        return next((each for each in self.all() if each.id == task), None)

    def settle(self, service: Any) -> None:
        """Start what a service lacks, end what it has too many, and count what there is."""
        if not any(each is service for each in self._services):
            self._services.append(service)
        for each in self.of(service):
            self._look(each)
        self._balance(service)
        self.count(service)

    def stop(self, task: Task, reason: str, code: str) -> None:
        """Have a task end."""
        if task.desired != STOPPED:
            task.stop(time.time(), reason, code)
            self.runner.stop(task)

    def count(self, service: Any) -> None:
        """Set what DescribeServices shows."""
        tasks = [each for each in self.of(service) if each.desired == RUNNING]
        service.running_count = sum(each.last_status == RUNNING for each in tasks)
        service.pending_count = len(tasks) - service.running_count
        if service.status == "DRAINING" and not self.of(service):
            service.status = "INACTIVE"
            self._services = [each for each in self._services if each is not service]
        deployments.show(service, tasks)

    def _look(self, task: Task) -> None:
        task.account = self.runner.look(task)
        if task.started_at is None and task.account.runs:
            task.started_at = time.time()
        if task.account.stopping:
            task.stop(time.time(), task.account.why, task.account.code)

    def _balance(self, service: Any) -> None:
        now = time.time()
        live = [each for each in self.of(service) if each.desired == RUNNING]
        if service.status != "ACTIVE":
            self._end(live, _DELETED)
            return
        if self.closed:
            return
        generation = deployments.generation(service)
        found = moves(
            [each for each in live if each.generation == generation],
            [each for each in live if each.generation != generation],
            service.desired_count,
            Bounds.of(getattr(service, "deployment_configuration", None)),
            now,
        )
        self._begin(service, generation, found.start, found.replacing)
        for each in found.unhealthy:
            events.failed(service, each)
        ended = self._end(found.unhealthy, _UNHEALTHY)
        ended += self._end(found.surplus, _SCALED_IN.format(generation))
        ended += self._end(found.old, _REPLACED.format(generation))
        events.stopped(service, ended)

    def _end(self, tasks: Sequence[Task], reason: str) -> list[Task]:
        """Have tasks stop, and return those that were not to before."""
        ended = []
        for each in tasks:
            # The end of one that has no process settles the service at once.
            if each.desired == RUNNING:
                ended.append(each)
                self.stop(each, reason, "ServiceSchedulerInitiated")
        return ended

    def _begin(self, service: Any, generation: int, count: int, replacing: int) -> None:
        """Start so many tasks; those that are to replace others come last."""
        begun: list[Task] = []
        while len(begun) < count and (task := self._start(service, generation)) is not None:
            begun.append(task)
        events.started(service, begun, max(0, len(begun) - (count - replacing)))

    def _start(self, service: Any, generation: int) -> Task | None:
        now = time.time()
        if now < self._not_before.get(service.arn, 0.0):
            return None
        zones = deployments.zones(service)
        task = Task(
            secrets.token_hex(16),
            service,
            deployments.definition(service),
            generation,
            emptiest(zones, (each.zone for each in self.of(service))),
            self.runner.address(),
            now,
        )
        self._tasks[task.id] = task
        try:
            self.runner.start(task)
        except CannotStart as error:
            task.stop(now, str(error), "TaskFailedToStart")
            self._finish(task)
            return None
        self._look(task)
        return task

    def _gone(self, id: str) -> None:
        """Hear, with the lock or without it, that a task has no process any more."""
        with self.lock:
            task = self._tasks.get(id)
            if task is None:
                return
            self._look(task)
            task.stop(time.time(), "Task failed: its host is gone", "InfrastructureHealth")
            self._finish(task)
            self.settle(task.service)

    def _finish(self, task: Task) -> None:
        now = time.time()
        del self._tasks[task.id]
        self._ended.append(task)
        task.stopped_at = now
        known = task.account
        task.account = Account(known.containers, True, known.why, known.code)
        by_itself = task.stop_code in {"EssentialContainerExited", "TaskFailedToStart"}
        if by_itself and now - task.created_at < _SHORT_LIVED_SECONDS:
            self._not_before[task.service.arn] = now + _RETRY_SECONDS

    def _keep(self) -> None:
        while True:
            time.sleep(_LOOK_SECONDS)
            with self.lock:
                for service in list(self._services):
                    try:
                        self.settle(service)
                    except Exception:  # no service would be kept any more
                        _log.exception("%s", service.name)
