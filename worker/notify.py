"""What systemd is told of a worker: sd_notify(3), sd_watchdog_enabled(3), in a few lines.

systemd's socket is for this process alone: it leaves the environment when it is taken, before
any child or program of a task could inherit it.
"""

from __future__ import annotations

import contextlib
import math
import os
import socket
from collections.abc import MutableMapping
from typing import Final

from worker.drain import FLUSH_SECONDS, Phase, Plan

#: How often systemd is told how the worker stands, and asked for more time while it drains.
EVERY_SECONDS: Final = 10.0
#: What a drain asks for at a time: a worker that hangs in it is ended this much later.
EXTENSION_SECONDS: Final = 30.0
ONCE: Final = math.inf

_READY: Final = "READY=1"
_STATUS_AT_MOST_CHARACTERS: Final = 500


class Supervisor:
    """systemd, as the one who started this worker."""

    def __init__(self, address: str, watchdog_seconds: float | None = None) -> None:
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self.watchdog_seconds = watchdog_seconds
        self._sent_at: dict[str, float] = {}

    @property
    def tick_seconds(self) -> float | None:
        """How often ``tell`` must be called to feed the watchdog in time; None: no watchdog."""
        return None if self.watchdog_seconds is None else self.watchdog_seconds / 4

    @property
    def ready(self) -> bool:
        """Whether it was told that the worker has started."""
        return _READY in self._sent_at

    def tell(self, now: float, plan: Plan, *, ready: bool, fit: bool, status: str) -> None:
        """Tell what has become true, and feed the watchdog while the worker is ``fit``.

        ``now`` and the plan's deadline are monotonic seconds.
        """
        if ready:
            self._every(ONCE, now, _READY)
        if plan.phase in (Phase.DRAINING, Phase.LEAVING):
            self._every(ONCE, now, "STOPPING=1")
        if plan.deadline is not None and now < plan.deadline + FLUSH_SECONDS:
            # The drain is bounded by its own budget, whatever the unit's TimeoutStopSec.
            extension = f"EXTEND_TIMEOUT_USEC={int(EXTENSION_SECONDS * 1_000_000)}"
            self._every(EVERY_SECONDS, now, extension)
        if self.tick_seconds is not None and fit:
            # Within half of the watchdog's time, as sd_watchdog_enabled(3) advises.
            self._every(self.tick_seconds, now, "WATCHDOG=1")
        line = f"STATUS={' '.join(status.split())[:_STATUS_AT_MOST_CHARACTERS]}"
        self._every(EVERY_SECONDS, now, line, kind=line.partition(":")[0])

    def _every(self, seconds: float, now: float, line: str, kind: str | None = None) -> None:
        """Send a line unless one of its kind was sent less than ``seconds`` ago."""
        kind = line if kind is None else kind
        if now - self._sent_at.get(kind, -math.inf) >= seconds and self._send(line):
            self._sent_at[kind] = now

    def _send(self, line: str) -> bool:
        """Send one line; False where systemd takes none now, and it is tried again."""
        with contextlib.suppress(OSError):
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.setblocking(False)
                sender.sendto(line.encode(), self._address)
            return True
        return False


def take(env: MutableMapping[str, str] = os.environ) -> Supervisor | None:
    """Take systemd's socket out of the environment; None if it did not start this process so."""
    address = env.pop("NOTIFY_SOCKET", "")
    interval = env.pop("WATCHDOG_USEC", "")
    pid = env.pop("WATCHDOG_PID", "")
    if address[:1] not in ("/", "@"):  # others are no sockets of this machine's (AF_VSOCK)
        return None
    ours = pid in ("", str(os.getpid()))
    watched = ours and interval.isascii() and interval.isdigit() and int(interval) > 0
    return Supervisor(address, int(interval) / 1_000_000 if watched else None)
