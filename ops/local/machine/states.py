"""The states of a service, in systemd's words. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class State(StrEnum):
    """A service's state; the values are systemd's sub-states."""

    DEAD = "dead"
    START = "start"
    RUNNING = "running"
    STOP_WATCHDOG = "stop-watchdog"
    STOP_SIGTERM = "stop-sigterm"
    STOP_SIGKILL = "stop-sigkill"
    AUTO_RESTART = "auto-restart"
    FAILED = "failed"


STOPPING: Final = (State.STOP_WATCHDOG, State.STOP_SIGTERM, State.STOP_SIGKILL)

#: What `systemctl is-active` says of each.
ACTIVE: Final = {
    State.DEAD: "inactive",
    State.START: "activating",
    State.RUNNING: "active",
    State.AUTO_RESTART: "activating",
    State.FAILED: "failed",
    **dict.fromkeys(STOPPING, "deactivating"),
}
