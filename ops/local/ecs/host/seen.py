"""What a task's host says of its containers: `containers.json` in the task's folder."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

FILE: Final = "containers.json"

UNKNOWN: Final = "UNKNOWN"
HEALTHY: Final = "HEALTHY"
UNHEALTHY: Final = "UNHEALTHY"


@dataclass(frozen=True, slots=True)
class Seen:
    """A container; `exit_code` is 128 and the signal's number where one ended it. `health` stays
    UNKNOWN where nothing checks it. Times are in seconds since the epoch.
    """

    name: str
    status: str = "PENDING"  # RUNNING, STOPPED
    exit_code: int | None = None
    reason: str = ""
    pid: int | None = None
    restarts: int = 0
    started_at: float | None = None
    finished_at: float | None = None
    health: str = UNKNOWN


@dataclass(frozen=True, slots=True)
class Account:
    """All of a task's containers. `stopping` tells that it is on its way to its end, and `why`
    and `code` why, where it came to that by itself.
    """

    containers: tuple[Seen, ...] = ()
    stopping: bool = False
    why: str = ""
    code: str = ""

    @property
    def runs(self) -> bool:
        """Whether all containers have been started."""
        return bool(self.containers) and all(each.started_at for each in self.containers)


def write(folder: Path, account: Account) -> None:
    """Write it so that no reader meets it half written. Raises OSError."""
    path = folder / FILE
    new = path.with_suffix(".new")
    new.write_text(json.dumps({"at": time.time(), **asdict(account)}, indent=1))
    new.chmod(0o600)
    new.replace(path)


def read(folder: Path) -> Account:
    """Return what was said last; an empty account where nothing was yet."""
    try:
        found: dict[str, Any] = json.loads((folder / FILE).read_bytes())
    except (OSError, ValueError):
        return Account()
    containers = tuple(Seen(**each) for each in found["containers"])
    return Account(containers, found["stopping"], found["why"], found["code"])
