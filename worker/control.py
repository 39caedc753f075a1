"""The control socket: status, pause, resume and drain of a worker on this machine.

A unix socket in the runtime directory, one a worker, for its user alone. One JSON object a
line: the request ``{"verb": "status"}``, the answer ``{"ok": true, ...}``.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import socketserver
import stat
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from worker.drain import Order, Verb

DIRECTORY_VARIABLE: Final = "FLEET_RUNTIME_DIR"
REQUEST_AT_MOST_BYTES: Final = 4096
#: A status names what runs, a thousand tasks at most.
ANSWER_AT_MOST_BYTES: Final = 16 * 1024 * 1024
TIMEOUT_SECONDS: Final = 5.0
#: sockaddr_un holds 108 bytes (unix(7)).
PATH_AT_MOST_BYTES: Final = 107

_VERBS: Final = {"pause": Verb.PAUSE, "resume": Verb.RESUME, "drain": Verb.DRAIN}


class BadRequest(ValueError):
    """A request that is none; the text says what was expected."""


class Unreachable(OSError):
    """No worker answers on a socket."""


def directory(env: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of the sockets: ``FLEET_RUNTIME_DIR``, systemd's, the session's, or tmp's.

    Only the last is shared with other users; there it carries the user's id.
    """
    if chosen := env.get(DIRECTORY_VARIABLE):
        return Path(chosen)
    if systemd := env.get("RUNTIME_DIRECTORY"):
        return Path(systemd.split(":")[0])
    if session := env.get("XDG_RUNTIME_DIR"):
        return Path(session) / "celery-sqs-fleet"
    return Path(tempfile.gettempdir()) / f"celery-sqs-fleet-{os.getuid()}"


def ready_directory(folder: Path) -> Path:
    """Create the folder for this user alone; refuse one that belongs to another.

    Raises ``PermissionError``.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise PermissionError(
            f"{folder}: expected a folder of user {os.getuid()}, found one of user "
            f"{found.st_uid}: set {DIRECTORY_VARIABLE} to another"
        )
    return folder


def parse(line: bytes) -> tuple[str, Order | None]:
    """Return the verb and, unless it is ``status``, the order. Raises ``BadRequest``."""
    try:
        request = json.loads(line)
    except (ValueError, RecursionError):
        raise BadRequest("expected one JSON object a line") from None
    verb = request.get("verb") if isinstance(request, dict) else None
    if verb == "status":
        return "status", None
    if not isinstance(verb, str) or verb not in _VERBS:
        raise BadRequest(f"verb: expected status, {', '.join(_VERBS)}; found {verb!r}")
    within = request.get("within_seconds")
    number = isinstance(within, int | float) and not isinstance(within, bool)
    if within is not None and not (number and 0 <= within <= 12 * 3600):
        raise BadRequest(f"within_seconds: expected 0 to 43200, found {within!r}")
    spot = request.get("spot", False)
    if not isinstance(spot, bool):
        raise BadRequest(f"spot: expected true or false, found {spot!r}")
    reason = str(request.get("reason") or "control socket")[:200]
    return verb, Order(_VERBS[verb], reason, within, spot)


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def __init__(
        self, path: str, order: Callable[[Order], None], status: Callable[[], dict[str, Any]]
    ) -> None:
        self.give_order = order
        self.get_status = status
        super().__init__(path, _Handler)


class _Handler(socketserver.StreamRequestHandler):
    timeout = TIMEOUT_SECONDS
    server: _Server

    def handle(self) -> None:
        """Answer one request."""
        try:
            verb, order = parse(self.rfile.readline(REQUEST_AT_MOST_BYTES))
        except BadRequest as error:
            self._answer({"ok": False, "error": str(error)})
            return
        except OSError:
            return
        if order is None:
            self._answer({"ok": True, **self.server.get_status()})
        else:
            self.server.give_order(order)
            self._answer({"ok": True, "accepted": verb})

    def _answer(self, answer: Mapping[str, Any]) -> None:
        with contextlib.suppress(OSError):  # the asker has hung up
            self.wfile.write(json.dumps(answer).encode() + b"\n")


@contextlib.contextmanager
def short(path: Path) -> Iterator[str]:
    """Yield a path of a socket that fits: where its own is too long, through its folder's handle.

    Raises OSError where its name alone is too long, or its folder is not there.
    """
    if len(os.fsencode(path)) <= PATH_AT_MOST_BYTES:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def serve(path: Path, order: Callable[[Order], None], status: Callable[[], dict[str, Any]]) -> None:
    """Serve a worker's socket at ``path`` from a thread, until the process ends."""
    # Under its name once it listens: one that does not is taken for a dead worker's, and removed.
    fresh = path.with_name(f".{os.getpid()}")
    fresh.unlink(missing_ok=True)
    before = os.umask(0o177)
    try:
        with short(fresh) as place:
            server = _Server(place, order, status)
    finally:
        os.umask(before)
    fresh.replace(path)
    threading.Thread(target=server.serve_forever, name="fleet-control", daemon=True).start()


def socket_path(fleet: str, queue: str, pid: int) -> Path:
    """Return where the worker of this process id has its socket."""
    return directory() / f"{fleet}-{queue}-{pid}.sock"


def ask(path: Path, request: Mapping[str, Any]) -> dict[str, Any]:
    """Send a request to a worker and return its answer. Raises ``Unreachable``."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(TIMEOUT_SECONDS)
            with short(path) as place:
                client.connect(place)
            client.sendall(json.dumps(request).encode() + b"\n")
            with client.makefile("rb") as answers:
                answer: dict[str, Any] = json.loads(answers.readline(ANSWER_AT_MOST_BYTES))
                return answer
    except OSError as error:
        raise _unreachable(path, error.strerror or str(error)) from None
    except ValueError:
        raise _unreachable(path, "no whole answer came") from None


def _unreachable(path: Path, why: str) -> Unreachable:
    return Unreachable(f"{path}: expected a worker, found none that answers: {why}")
