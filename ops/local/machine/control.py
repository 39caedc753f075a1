"""A machine's control socket: commands that run on it, its status, its units, its shutdown."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ops.local.machine.client import SOCKET, short
from ops.local.machine.stream import Stream, listen

if TYPE_CHECKING:
    from ops.local.machine.loop import Loop

#: A document of Systems Manager has at most 64 KB; JSON takes up to twelve for a character.
_REQUEST_AT_MOST_BYTES: Final = 800_000

#: Called with the answer, now or later.
Reply = Callable[[Mapping[str, Any]], None]


class BadRequest(ValueError):
    """A request that is none; the text says what was expected."""


def serve(loop: Loop, folder: Path, answer: Callable[[dict[str, Any], Reply], None]) -> None:
    """Serve the socket in a node's folder; `answer` may raise BadRequest. Raises OSError."""
    (folder / SOCKET).unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        with short(folder) as path:
            listener.bind(path)
    finally:
        os.umask(before)
    listener.listen(64)

    def came(stream: Stream) -> None:
        line, end, stream.held = stream.held.partition(b"\n")
        if not end:
            stream.held = line
            return

        def reply(found: Mapping[str, Any]) -> None:
            stream.send(json.dumps(found).encode() + b"\n")

        stream.busy = True
        try:
            answer(_request(line), reply)
        except BadRequest as error:
            reply({"ok": False, "error": str(error)})

    listen(loop, listener, came, _REQUEST_AT_MOST_BYTES)


def _request(line: bytes) -> dict[str, Any]:
    try:
        request = json.loads(line)
    except (ValueError, RecursionError):
        request = None
    if not isinstance(request, dict):
        raise BadRequest("expected one JSON object a line")
    return request


def text(request: Mapping[str, Any], key: str, at_most: int) -> str:
    """Return a request's text. Raises BadRequest."""
    value = request.get(key)
    if not isinstance(value, str) or not 0 < len(value) <= at_most:
        raise BadRequest(
            f"{key}: expected a text of 1 to {at_most} characters, found {value!r:.80}"
        )
    return value


def seconds(request: Mapping[str, Any], key: str, default: float, at_most: float) -> float:
    """Return a request's number of seconds. Raises BadRequest."""
    value = request.get(key, default)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (number and 0 <= value <= at_most):
        raise BadRequest(f"{key}: expected 0 to {at_most:g}, found {value!r:.80}")
    return float(value)
