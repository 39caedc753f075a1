"""Connections of a machine's servers: bytes in, bytes out, nobody waited for."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ops.local.machine.loop import Loop

_PIECE_BYTES: Final = 65_536
_IDLE_SECONDS: Final = 120.0


class Stream:
    """One connection. `came` is given it, and takes what it can use from its `held`."""

    def __init__(
        self, loop: Loop, peer: socket.socket, came: Callable[[Stream], None], at_most_bytes: int
    ) -> None:
        self._loop = loop
        self._peer = peer
        self._came = came
        self._at_most_bytes = at_most_bytes
        self._out = b""
        self._last = False
        self.held = b""
        self.closed = False
        #: an answer is on its way: it is not idle, and asks nothing more meanwhile
        self.busy = False
        peer.setblocking(False)
        loop.watch(peer, self._read)
        self._idle = loop.call_in(_IDLE_SECONDS, self._tired)

    def send(self, data: bytes, *, last: bool = False) -> None:
        """Send when it can be; `last` closes the connection after it."""
        self.busy = False
        self._out += data
        self._last |= last
        self._write()

    def close(self) -> None:
        """Hang up."""
        if not self.closed:
            self.closed = True
            self._idle.cancel()
            self._loop.forget(self._peer)
            self._peer.close()

    def _read(self) -> None:
        try:
            piece = self._peer.recv(_PIECE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        self.held += piece
        if not piece or len(self.held) > self._at_most_bytes:
            self.close()
            return
        self._idle.cancel()
        self._idle = self._loop.call_in(_IDLE_SECONDS, self._tired)
        if not self.busy:
            self._came(self)

    def _write(self) -> None:
        if self.closed:
            return
        try:
            self._out = self._out[self._peer.send(self._out) :] if self._out else b""
        except BlockingIOError:
            pass
        except OSError:  # the asker has hung up
            self.close()
            return
        if self._out:
            self._loop.watch(self._peer, self._write, write=True)
        elif self._last:
            self.close()
        else:
            self._loop.watch(self._peer, self._read)
            if self.held:
                self._came(self)

    def _tired(self) -> None:
        if self.busy:
            self._idle = self._loop.call_in(_IDLE_SECONDS, self._tired)
        else:
            self.close()


def listen(
    loop: Loop, listener: socket.socket, came: Callable[[Stream], None], at_most_bytes: int
) -> None:
    """Accept connections of a listening socket, each a `Stream`."""
    listener.setblocking(False)

    def accept() -> None:
        with contextlib.suppress(BlockingIOError, ConnectionError):
            Stream(loop, listener.accept()[0], came, at_most_bytes)

    loop.watch(listener, accept)
