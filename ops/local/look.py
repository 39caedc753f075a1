"""What `ops local status` shows: queues, groups, nodes with their units, tasks with containers."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from ops.errors import OpsError
from ops.local.machine.client import Unreachable, ask
from ops.local.running import Running

_Answer = TypeVar("_Answer")

_ANSWER_SECONDS: Final = 10.0
_MACHINE_SECONDS: Final = 2.0
_PAGE: Final = 100


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue by its name on SQS, with SQS's approximate counts of messages, None where it does not
    say.
    """

    name: str
    waiting: int | None
    in_flight: int | None
    delayed: int | None


@dataclass(frozen=True, slots=True)
class Group:
    """An Auto Scaling group, with how many instances it has in each state."""

    name: str
    desired: int
    minimum: int
    maximum: int
    states: dict[str, int]


@dataclass(frozen=True, slots=True)
class Node:
    """An instance. `machine` is booting, running, stopping or stopped, None where it is silent;
    `user_data_exit` is what its user data has ended with; `units` are its units' states by name,
    and `pids` all its processes.
    """

    id: str
    group: str | None
    state: str | None
    health: str | None
    address: str | None
    pid: int | None
    machine: str | None
    user_data: str | None
    user_data_exit: int | None
    units: dict[str, str] | None
    pids: list[int]


@dataclass(frozen=True, slots=True)
class Task:
    """A task of an ECS service that has not ended. `health` is UNKNOWN where nothing checks it, or
    has not yet; `since` is when it came to its state, in seconds since the epoch; `containers` are
    their states by name, and `pids` their first processes.
    """

    id: str
    service: str
    state: str
    health: str
    since: float
    address: str
    pid: int | None
    containers: dict[str, str]
    pids: list[int]


@dataclass(frozen=True, slots=True)
class Status:
    """A local fleet as it is. `queues` and `groups` are None where AWS does not say, for what is in
    `troubles`.
    """

    running: Running
    queues: list[Queue] | None
    groups: list[Group] | None
    nodes: list[Node]
    tasks: list[Task]
    troubles: list[str]

    def json(self) -> dict[str, Any]:
        """Return it as `--json` shows it."""
        return {
            "url": self.running.url,
            "pid": self.running.pid,
            "fleet": self.running.fleet,
            "region": self.running.region,
            "manifest": self.running.manifest,
            "queues": None if self.queues is None else [asdict(each) for each in self.queues],
            "groups": None if self.groups is None else [asdict(each) for each in self.groups],
            "nodes": [asdict(each) for each in self.nodes],
            "tasks": [asdict(each) for each in self.tasks],
            "troubles": self.troubles,
        }


def look(running: Running) -> Status:
    """Look at all of a local fleet. Raises OpsError where its AWS does not answer at all."""
    troubles: list[str] = []
    instances, services = nodes(running), tasks(running)
    queues = _known(lambda: _queues(running, troubles), "the queues", troubles)
    groups = _known(lambda: _groups(running), "the groups", troubles)
    return Status(running, queues, groups, instances, services, troubles)


def _known(ask: Callable[[], _Answer], what: str, troubles: list[str]) -> _Answer | None:
    from ops.aws import aws_errors  # noqa: PLC0415

    try:
        with aws_errors(f"looking at {what}"):
            return ask()
    except OpsError as error:
        troubles.append(str(error))
        return None


def nodes(running: Running) -> list[Node]:
    """Return the instances whose machines there are, the oldest first. Raises OpsError."""
    return [_node(each) for each in _told(running, "instances")]


def tasks(running: Running) -> list[Task]:
    """Return the tasks of services that have not ended, the oldest first. Raises OpsError."""
    return [_task(each) for each in _told(running, "tasks") if each["state"] != "STOPPED"]


def _told(running: Running, what: str) -> list[dict[str, Any]]:
    url = f"{running.url}/_fleet/{what}"
    try:
        with urllib.request.urlopen(url, timeout=_ANSWER_SECONDS) as answer:  # noqa: S310
            told: list[dict[str, Any]] = json.load(answer)[what]
            return told
    except (OSError, urllib.error.URLError, ValueError, KeyError) as error:
        raise OpsError(
            f"{url}: expected the {what}, found {error}: see ops local logs aws"
        ) from error


def _task(told: dict[str, Any]) -> Task:
    containers = told["containers"]
    return Task(
        told["task_id"],
        told["service"],
        told["state"],
        told["health"],
        told["since"],
        told["address"],
        told["pid"],
        {name: each["status"] for name, each in containers.items()},
        sorted(each["pid"] for each in containers.values() if each["pid"] is not None),
    )


def _node(told: dict[str, Any]) -> Node:
    try:
        machine = ask(Path(told["folder"]), {"verb": "status"}, timeout_seconds=_MACHINE_SECONDS)
    except Unreachable:
        rests = told["state"] == "Warmed:Stopped"
        machine = {"state": "stopped", "units": {}} if rests else {}
    units, user_data = machine.get("units"), machine.get("user_data") or {}
    pids = {pid for unit in (units or {}).values() for pid in unit.get("pids", ())}
    if told["pid"] is not None:
        pids.add(told["pid"])
    return Node(
        told["instance_id"],
        told["group"],
        told["state"],
        told["health"],
        told["address"],
        told["pid"],
        machine.get("state"),
        user_data.get("state"),
        user_data.get("exit"),
        None if units is None else {name: unit["active"] for name, unit in units.items()},
        sorted(pids),
    )


def _client(running: Running, service: Any) -> Any:
    import boto3  # noqa: PLC0415

    return boto3.client(
        service,
        endpoint_url=running.url,
        region_name=running.region,
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106  # nobody checks it
    )


def _queues(running: Running, troubles: list[str]) -> list[Queue]:
    sqs = _client(running, "sqs")
    found = []
    for page in sqs.get_paginator("list_queues").paginate(QueueNamePrefix=f"{running.fleet}-"):
        for url in page.get("QueueUrls", ()):
            name = url.rpartition("/")[2]
            counts = _known(partial(_counts, sqs, url), name, troubles)
            found.append(Queue(name, *(counts or (None, None, None))))
    return sorted(found, key=lambda queue: queue.name)


def _counts(sqs: Any, url: str) -> tuple[int, int, int]:
    told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    waiting, in_flight, delayed = (
        int(told[f"ApproximateNumberOfMessages{which}"]) for which in ("", "NotVisible", "Delayed")
    )
    return waiting, in_flight, delayed


def _groups(running: Running) -> list[Group]:
    pages = _client(running, "autoscaling").get_paginator("describe_auto_scaling_groups")
    found = [
        Group(
            each["AutoScalingGroupName"],
            each["DesiredCapacity"],
            each["MinSize"],
            each["MaxSize"],
            dict(Counter(one["LifecycleState"] for one in each["Instances"])),
        )
        for page in pages.paginate(PaginationConfig={"PageSize": _PAGE})
        for each in page["AutoScalingGroups"]
    ]
    return sorted(found, key=lambda group: group.name)
