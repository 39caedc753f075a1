"""systemd's notification socket, as a unit's processes know it: sd_notify(3)."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ops.local.machine.loop import Loop

_AT_MOST_BYTES: Final = 4096
_CREDENTIALS: Final = struct.Struct("iII")  # struct ucred, unix(7): process, user, group


class NotifySocket:
    """A socket for one start of a unit; its name is abstract, so a folder's may be long."""

    def __init__(self, loop: Loop, heard: Callable[[int, dict[str, str]], None]) -> None:
        self._loop = loop
        self._heard = heard
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        name = f"fleet-machine-{os.urandom(16).hex()}"
        self._socket.bind(f"\0{name}")
        self.address = f"@{name}"
        loop.watch(self._socket, self.read)

    def read(self) -> None:
        """Hand on what was said, by whom: what its sender may say is not decided here."""
        while True:
            try:
                data, ancillary, _, _ = self._socket.recvmsg(
                    _AT_MOST_BYTES, socket.CMSG_SPACE(_CREDENTIALS.size)
                )
            except BlockingIOError:
                return
            for _, kind, value in ancillary:
                if kind == socket.SCM_CREDENTIALS:
                    pid = _CREDENTIALS.unpack(value[: _CREDENTIALS.size])[0]
                    lines = data.decode(errors="replace").splitlines()
                    self._heard(
                        pid, dict(line.split("=", 1) for line in lines if line.count("=") > 0)
                    )

    def close(self) -> None:
        """Close it."""
        self._loop.forget(self._socket)
        self._socket.close()
