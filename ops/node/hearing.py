"""The agent's own socket: how the node is, and taking it back from the engine.

A unix socket beside the workers', for their user alone: one JSON object a line,
`{"verb": "status"}` or `{"verb": "withdraw"}`, and the answer `{"ok": true, ...}`.
"""

from __future__ import annotations

import contextlib
import json
import os
import socketserver
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ops.errors import OpsError
from worker import control


def socket_path(name: str) -> Path:
    """Return where the agent of `{fleet}-{queue}` has its socket."""
    return control.directory() / f"{name}.agent"


def ask(name: str, verb: str) -> dict[str, Any] | None:
    """Ask the agent here; None where there is no socket of one.

    Raises worker.control.Unreachable where none answers behind it.
    """
    path = socket_path(name)
    return control.ask(path, {"verb": verb}) if path.exists() else None


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    answers: Callable[[str], dict[str, Any]]


class _Handler(socketserver.StreamRequestHandler):
    timeout = control.TIMEOUT_SECONDS
    server: _Server

    def handle(self) -> None:
        """Answer one request."""
        with contextlib.suppress(OSError):  # the asker has hung up
            line = self.rfile.readline(control.REQUEST_AT_MOST_BYTES)
            self.wfile.write(json.dumps(self._answer(line)).encode() + b"\n")

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            verb = request.get("verb") if isinstance(request, dict) else None
        except (ValueError, RecursionError):
            verb = None
        if verb not in ("status", "withdraw"):
            return {"ok": False, "error": "verb: expected status or withdraw in a JSON object"}
        try:
            return {"ok": True, **self.server.answers(verb)}
        except OpsError as error:
            return {"ok": False, "error": str(error)}


class Ear:
    """The agent's socket, from `open` to `close`."""

    def __init__(self, name: str, answers: Callable[[str], dict[str, Any]]) -> None:
        """`answers` takes a verb and returns the answer, from any thread; it may raise OpsError."""
        self._name = name
        self._path = socket_path(name)
        self._answers = answers
        self._server: _Server | None = None

    def open(self) -> None:
        """Listen. Raises OpsError where another agent of the queue does, or nobody can."""
        path = self._path
        try:
            control.ready_directory(path.parent)
            with contextlib.suppress(control.Unreachable):
                if ask(self._name, "status") is not None:
                    raise OpsError(
                        f"{path}: expected no other agent of this queue here, found one that "
                        "answers: end it first"
                    )
            path.unlink(missing_ok=True)
            before = os.umask(0o177)
            try:
                with control.short(path) as place:
                    server = _Server(place, _Handler)
            finally:
                os.umask(before)
        except OSError as error:
            raise OpsError(
                f"{path}: expected to listen there, found: {error.strerror or error}: set "
                f"{control.DIRECTORY_VARIABLE} to a folder of this user's"
            ) from None
        server.answers = self._answers
        self._server = server
        threading.Thread(target=server.serve_forever, name="fleet-ear", daemon=True).start()

    def close(self) -> None:
        """Stop listening, and leave no socket behind."""
        if self._server is not None:
            self._server.server_close()
            self._path.unlink(missing_ok=True)
