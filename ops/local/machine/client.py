"""Asking a machine: one JSON object a line on the socket in its folder."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

SOCKET: Final = "machine.sock"
_AT_MOST_BYTES: Final = 1 << 20


class Unreachable(OSError):
    """No machine answers in a folder."""


@contextmanager
def short(folder: Path) -> Iterator[str]:
    """Yield a path of the socket in a folder that always fits its 108 bytes: unix(7)."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{SOCKET}"
    finally:
        os.close(descriptor)


def ask(
    folder: Path, request: Mapping[str, Any], *, timeout_seconds: float | None = 5.0
) -> dict[str, Any]:
    """Send a request to the machine of a node's folder and return its answer.

    The answer to a wrong request is `{"ok": false, "error": ...}`. None waits without end. Raises
    Unreachable where there is no machine, or it hangs up, or does not answer in time.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(timeout_seconds)
            with short(folder) as path:
                client.connect(path)
            client.sendall(json.dumps(request).encode() + b"\n")
            with client.makefile("rb") as answers:
                answer: dict[str, Any] = json.loads(answers.readline(_AT_MOST_BYTES))
                return answer
    except (OSError, ValueError) as error:
        raise Unreachable(
            f"{folder}: expected a machine, found none that answers: {error}"
        ) from None
