"""The metadata service on a machine's own address: as much of HTTP/1.1 as it takes.

`http.server` would double the memory of each of twenty machines, and wants a thread.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from ops.local.guard import refusal
from ops.local.machine.metadata import Request, Response, Tokens, respond
from ops.local.machine.stream import Stream, listen

if TYPE_CHECKING:
    from ops.local.machine.instance import Instance
    from ops.local.machine.loop import Loop

_HEAD_AT_MOST_BYTES: Final = 16_384
_PHRASES: Final = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
}


def serve(loop: Loop, address: str, instance: Callable[[], Instance]) -> str:
    """Serve the metadata of what `instance` returns, on a free port; return the URL.

    Raises OSError where the address is none of this computer's.
    """
    tokens = Tokens()
    return answer(loop, address, lambda each: respond(each, tokens, time.monotonic(), instance()))


def answer(loop: Loop, address: str, respond: Callable[[Request], Response]) -> str:
    """Answer requests on a free port as `respond` does; return the URL. Raises OSError."""
    listener = socket.create_server((address, 0), backlog=64)

    def came(stream: Stream) -> None:
        head, end, stream.held = stream.held.partition(b"\r\n\r\n")
        if not end:
            stream.held = head
            return
        try:
            request = _request(head)
            why = refusal(request.method, request.headers)
            if why is not None:
                stream.send(_bytes(Response(403, f"{why}\n"), request.method), last=True)
                return
            stream.send(_bytes(respond(request), request.method))
        except ValueError:
            stream.send(_bytes(Response(400), "GET"), last=True)

    listen(loop, listener, came, _HEAD_AT_MOST_BYTES)
    return f"http://{address}:{listener.getsockname()[1]}/"


def _request(head: bytes) -> Request:
    """Return the request of a head. Raises ValueError."""
    first, *rest = head.decode("ascii").split("\r\n")
    method, path, version = first.split(" ")
    if not version.startswith("HTTP/1.") or not path.startswith("/"):
        raise ValueError(first)
    headers = {}
    for line in rest:
        name, colon, value = line.partition(":")
        if not colon:
            raise ValueError(line)
        headers[name.strip().lower()] = value.strip()
    if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
        raise ValueError("nothing here takes a body")
    return Request(method, path, headers)


def _bytes(response: Response, method: str) -> bytes:
    body = response.body.encode()
    headers = {"Server": "EC2ws", "Content-Type": "text/plain", **response.headers}
    lines = [
        f"HTTP/1.1 {response.status} {_PHRASES[response.status]}",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + (b"" if method == "HEAD" else body)
