"""A worker's HTTP endpoint: a few pages, from one thread that nobody who asks can hold up.

Sockets never block: one who asks slowly, or does not take his answer, has a few seconds and a
place among a few others, and is dropped for a newer one. One request a connection.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import selectors
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

logger = logging.getLogger(__name__)

REQUEST_AT_MOST_BYTES: Final = 8192
CONNECTIONS_AT_MOST: Final = 32
CONNECTION_SECONDS: Final = 5.0
NO_DESCRIPTOR_SECONDS: Final = 0.05

_WORDS: Final = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """A page: its HTTP status, media type and content."""

    status: int
    content_type: str
    body: bytes


def as_json(status: int, value: Mapping[str, Any]) -> Answer:
    """Return an answer of JSON."""
    return Answer(status, "application/json", json.dumps(value).encode() + b"\n")


@dataclass(slots=True, eq=False)
class _Connection:
    client: socket.socket
    ends_at: float
    request: bytearray = field(default_factory=bytearray)
    answer: memoryview | None = None


class Endpoint(threading.Thread):
    """Serves ``pages``, by their paths, on a listening socket until the process ends."""

    def __init__(self, listener: socket.socket, pages: Mapping[str, Callable[[], Answer]]) -> None:
        super().__init__(name="fleet-endpoint", daemon=True)
        self._listener = listener
        self._listener.setblocking(False)
        self._pages = pages
        self._open: dict[int, _Connection] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ)
        # A child would keep the port, and connections that we close, open.
        os.register_at_fork(after_in_child=self._forget)

    @property
    def address(self) -> str:
        """Where it listens, as ``host:port``."""
        host, port = self._listener.getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def run(self) -> None:
        """Serve."""
        while True:
            wait = CONNECTION_SECONDS if self._open else None
            for key, _ in self._selector.select(wait):
                if key.fileobj is self._listener:
                    self._accept()
                else:
                    self._go_on(key.data)
            now = time.monotonic()
            for connection in [one for one in self._open.values() if now >= one.ends_at]:
                self._close(connection)

    def _accept(self) -> None:
        try:
            client, _ = self._listener.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                time.sleep(NO_DESCRIPTOR_SECONDS)  # the caller still knocks
            return
        client.setblocking(False)
        if len(self._open) >= CONNECTIONS_AT_MOST:
            self._close(next(iter(self._open.values())))
        connection = _Connection(client, time.monotonic() + CONNECTION_SECONDS)
        self._open[client.fileno()] = connection
        self._selector.register(client, selectors.EVENT_READ, connection)

    def _go_on(self, connection: _Connection) -> None:
        try:
            if connection.answer is None:
                self._read(connection)
            if connection.answer is not None:
                self._write(connection)
        except BlockingIOError:
            pass
        except OSError:
            self._close(connection)
        except Exception:
            logger.exception("endpoint: a connection failed")
            self._close(connection)

    def _read(self, connection: _Connection) -> None:
        read = connection.client.recv(REQUEST_AT_MOST_BYTES)
        connection.request += read
        if b"\r\n\r\n" in connection.request:
            connection.answer = memoryview(self._answered(bytes(connection.request)))
        elif len(connection.request) >= REQUEST_AT_MOST_BYTES:
            connection.answer = memoryview(_written(_plain(431), head=False))
        elif not read:
            self._close(connection)
            return
        if connection.answer is not None:
            self._selector.modify(connection.client, selectors.EVENT_WRITE, connection)

    def _write(self, connection: _Connection) -> None:
        assert connection.answer is not None  # noqa: S101
        while connection.answer:
            sent = connection.client.send(connection.answer)
            connection.answer = connection.answer[sent:]
        self._close(connection)

    def _answered(self, request: bytes) -> bytes:
        parts = request.split(b"\r\n", 1)[0].split(b" ")
        if len(parts) != 3 or not parts[2].startswith(b"HTTP/1."):
            return _written(_plain(400), head=False)
        method, target, _ = parts
        page = self._pages.get(target.split(b"?", 1)[0].decode("latin-1"))
        head = method == b"HEAD"
        if page is None:
            return _written(_plain(404), head=head)
        if method not in (b"GET", b"HEAD"):
            return _written(_plain(405), head=False)
        try:
            return _written(page(), head=head)
        except Exception:
            logger.exception("endpoint: %s failed", target.decode("latin-1")[:100])
            return _written(_plain(500), head=head)

    def _close(self, connection: _Connection) -> None:
        with contextlib.suppress(KeyError):
            del self._open[connection.client.fileno()]
            self._selector.unregister(connection.client)
        with contextlib.suppress(OSError):
            # Also where a child forked before this has the connection, it ends now.
            connection.client.shutdown(socket.SHUT_RDWR)
        connection.client.close()

    def _forget(self) -> None:
        self._listener.close()
        for connection in self._open.values():
            connection.client.close()


def _plain(status: int) -> Answer:
    return Answer(status, "text/plain; charset=utf-8", f"{_WORDS[status]}\n".encode())


def _written(answer: Answer, *, head: bool) -> bytes:
    lines = [
        f"HTTP/1.1 {answer.status} {_WORDS[answer.status]}",
        f"Content-Type: {answer.content_type}",
        f"Content-Length: {len(answer.body)}",
        "Cache-Control: no-store",
        "Connection: close",
        *(["Allow: GET, HEAD"] if answer.status == 405 else []),
    ]
    return "\r\n".join((*lines, "", "")).encode() + (b"" if head else answer.body)
