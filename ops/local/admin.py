"""The paths under ``/_fleet/`` of the local AWS, which no AWS has: faults, the record, machines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

#: What serves a request of the WSGI interface (PEP 3333).
App = Callable[[dict[str, Any], Any], Iterable[bytes]]

_PREFIX: Final = "/_fleet/"
_BODY_LIMIT_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Request:
    """A request: its method, what follows the first word of the path, and its JSON body."""

    method: str
    rest: str
    body: Any


class Refused(Exception):
    """What a handler raises to answer with a status of 4xx and a line that says why."""

    def __init__(self, message: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


#: Answers with what becomes the JSON body.
Handler = Callable[[Request], Any]


class Admin:
    """Handlers by the first word of the path: ``/_fleet/WORD/REST``."""

    def __init__(self) -> None:
        self._handlers: dict[str, Handler] = {}

    def add(self, word: str, handler: Handler) -> None:
        """Have `handler` answer ``/_fleet/WORD`` and what is below it."""
        self._handlers[word] = handler

    def before(self, app: App) -> App:
        """Return an application that answers our paths, and hands all others to `app`."""

        def call(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            path: str = environ.get("PATH_INFO", "")
            if not path.startswith(_PREFIX):
                return app(environ, start_response)
            try:
                status, answer = HTTPStatus.OK, self._answer(path, environ)
            except Refused as refused:
                place = "" if refused.message.startswith(path) else f"{path}: "
                status, answer = refused.status, {"message": f"{place}{refused.message}"}
            body = json.dumps(answer).encode()
            start_response(
                f"{status.value} {status.phrase}",
                [("Content-Type", "application/json"), ("Content-Length", str(len(body)))],
            )
            return [body]

        return call

    def _answer(self, path: str, environ: dict[str, Any]) -> Any:
        word, _, rest = path.removeprefix(_PREFIX).partition("/")
        handler = self._handlers.get(word)
        if handler is None:
            known = ", ".join(sorted(self._handlers))
            raise Refused(f"{path}: expected one of {known} after {_PREFIX}", HTTPStatus.NOT_FOUND)
        length = int(environ.get("CONTENT_LENGTH") or 0)
        if length > _BODY_LIMIT_BYTES:
            raise Refused(f"{path}: expected at most {_BODY_LIMIT_BYTES} bytes, got {length}")
        text = environ["wsgi.input"].read(length)
        try:
            body = json.loads(text) if text else None
        except ValueError as error:
            raise Refused(f"{path}: expected JSON, got {text[:80]!r}: {error}") from error
        return handler(Request(environ["REQUEST_METHOD"], rest, body))
