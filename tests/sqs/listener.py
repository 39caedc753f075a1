"""The listening socket, which can be closed for a while and opened again on the same port."""

from __future__ import annotations

import asyncio
import socket

from aiohttp import web


class Listener:
    """Listens on 127.0.0.1.

    The port stays bound by a socket that never listens: while the listening one is closed,
    callers are refused and no other process can be given the port.
    """

    def __init__(self, http: web.Server, port: int) -> None:
        self._http = http
        self._reservation = _bound(port)
        self._port = int(self._reservation.getsockname()[1])
        self._server: asyncio.Server | None = None
        self._reopening: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._port}"

    async def open(self) -> None:
        """Listen; nothing happens if it does."""
        if self._reopening is not None and self._reopening is not asyncio.current_task():
            self._reopening.cancel()
        self._reopening = None
        if self._server is None:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(
                self._http, sock=_bound(self._port), backlog=1024
            )

    def close_for(self, seconds: float) -> None:
        """Refuse connections for ``seconds``."""
        self._close()
        if self._reopening is not None:
            self._reopening.cancel()
        self._reopening = asyncio.get_running_loop().create_task(self._open_after(seconds))

    def close_for_good(self) -> None:
        """Stop listening and give the port back."""
        if self._reopening is not None:
            self._reopening.cancel()
        self._close()
        self._reservation.close()

    async def _open_after(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self.open()

    def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None


def _bound(port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setblocking(False)
    bound.bind(("127.0.0.1", port))
    return bound
