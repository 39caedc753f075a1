"""What the local AWS says of a task: its folder's `task.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

FILE: Final = "task.json"


@dataclass(frozen=True, slots=True)
class Restart:
    """A container's restart policy: it is started again if it ran for as long as `period_seconds`
    ("Restart individual containers in Amazon ECS tasks with container restart policies", Developer
    Guide).
    """

    period_seconds: float
    ignored: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """A container's health check: `command` is run `interval_seconds` after the start, and after
    each end of it. Failures count that come after `start_seconds` or a success; so many as
    `retries` in a row are one too many (HealthCheck, API reference).
    """

    command: tuple[str, ...]
    interval_seconds: float
    timeout_seconds: float
    retries: int
    start_seconds: float


@dataclass(frozen=True, slots=True)
class Container:
    """A container of the task's definition; `mounts` are volumes by their paths in it."""

    name: str
    image: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    essential: bool
    stop_seconds: float
    restart: Restart | None
    after: tuple[str, ...]
    mounts: Mapping[str, str]
    check: Check | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """A task as AWS knows it; `application` is the path of the manifest that its image holds,
    empty for none, and `key` the access key of its role, empty for none.
    """

    arn: str
    cluster: str
    family: str
    revision: str
    service: str
    region: str
    zone: str
    cpu: str
    memory: str
    role: str
    key: str
    endpoint: str
    application: str
    containers: tuple[Container, ...]
    desired_status: str = "RUNNING"
    #: As long as those of a task's role last.
    credentials_seconds: float = 6 * 3600.0

    @property
    def id(self) -> str:
        """Its id, which its ARN ends with."""
        return self.arn.rpartition("/")[2]

    def json(self) -> dict[str, Any]:
        """Return it as the file holds it."""
        return asdict(self)


class BadTask(ValueError):
    """A `task.json` that is none; the text says what was expected."""


def read(folder: Path) -> Facts:
    """Return the task of a folder as it is now. Raises BadTask."""
    path = folder / FILE
    try:
        found: Any = json.loads(path.read_bytes())
        containers = tuple(_container(each) for each in found.pop("containers"))
        return Facts(**found, containers=containers)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadTask(f"{path}: expected a task, found {error!r}") from None


def _container(found: dict[str, Any]) -> Container:
    policy, checked = found.pop("restart"), found.pop("check")
    restart = (
        None if policy is None else Restart(policy["period_seconds"], tuple(policy["ignored"]))
    )
    check = None if checked is None else Check(**{**checked, "command": tuple(checked["command"])})
    command, after = tuple(found.pop("command")), tuple(found.pop("after"))
    return Container(**found, command=command, after=after, restart=restart, check=check)
