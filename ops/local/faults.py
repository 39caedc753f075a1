"""Faults of the local AWS, told over ``/_fleet/faults``: throttling, 5xx, denials, delays."""

from __future__ import annotations

import difflib
import json
import random
import threading
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any, Final
from xml.sax.saxutils import escape

from ops.local.admin import App, Refused, Request
from ops.local.asked import Asked, operations, services
from ops.local.expired import code_for
from ops.local.identity import caller_of

_DELAY_LIMIT_SECONDS: Final = 600.0
#: Of the services and operations there are, the nearest are told.
_NAMED_AT_MOST: Final = 10
_NAMES: Final = frozenset(
    {"service", "operation", "role", "code", "status", "share", "times", "delay_seconds"}
)
#: Services whose errors are XML; the others speak JSON.
_XML: Final = {"autoscaling", "cloudformation", "cloudwatch", "ec2", "iam", "s3", "sns", "sts"}


@dataclass(slots=True)
class Fault:
    """What goes wrong with which calls: an empty name is any.

    `share` of them (0..1), or the first `times` of them; both None is all. Without a `code` the
    call is answered after all, only later.
    """

    service: str = ""
    operation: str = ""
    role: str = ""
    code: str = ""
    status: int = 400
    share: float | None = None
    times: int | None = None
    delay_seconds: float = 0.0

    def meets(self, question: Asked) -> bool:
        """Return whether a call is one of those that it is for."""
        return (
            self.service in ("", question.service)
            and self.operation in ("", question.operation)
            and self.role in ("", caller_of(question.key).role)
        )


class Faults:
    """The faults in force. `rng` decides where a share is asked for."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._lock = threading.Lock()
        self._all: list[Fault] = []
        self._ended = threading.Event()

    @property
    def any(self) -> bool:
        """Whether there is one."""
        return bool(self._all)

    def answer(self, request: Request) -> Any:
        """Answer ``/_fleet/faults``: POST adds one, GET lists them, DELETE ends all."""
        with self._lock:
            match request.method:
                case "POST":
                    self._all.append(_fault(request.body))
                case "DELETE":
                    self._all.clear()
                    # What is being delayed is answered now.
                    self._ended.set()
                    self._ended = threading.Event()
                case "GET":
                    pass
                case _:
                    raise Refused("expected POST, GET or DELETE", HTTPStatus.METHOD_NOT_ALLOWED)
            return {"faults": [asdict(fault) for fault in self._all]}

    def before(self, app: App) -> App:
        """Return an application that answers some calls with faults, and hands on the others."""

        def call(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            question = environ.get("fleet.asked")
            fault = None
            if isinstance(question, Asked):
                over = code_for(question)
                fault = self._met(question) if over is None else Fault(code=over, status=403)
            if fault is None:
                return app(environ, start_response)
            self._ended.wait(fault.delay_seconds)
            if not fault.code:
                return app(environ, start_response)
            body, kind = _body(fault, question)
            start_response(
                f"{fault.status} {_phrase(fault.status)}",
                [
                    ("Content-Type", kind),
                    ("Content-Length", str(len(body))),
                    ("x-amzn-ErrorType", fault.code),
                    ("x-amzn-query-error", f"{fault.code};Sender"),
                ],
            )
            return [body]

        return call

    def _met(self, question: Asked) -> Fault | None:
        with self._lock:
            for fault in self._all:
                if not fault.meets(question):
                    continue
                if fault.share is not None and self._rng.random() >= fault.share:
                    continue
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times <= 0:
                        self._all.remove(fault)
                return fault
        return None


def _fault(body: Any) -> Fault:
    if not isinstance(body, dict) or set(body) - _NAMES:
        raise Refused(f"expected an object of {', '.join(sorted(_NAMES))}, got {body!r}")
    for name, kinds, called in (
        ("service", str, "a text"),
        ("operation", str, "a text"),
        ("role", str, "a text"),
        ("code", str, "a text"),
        ("status", int, "a whole number"),
        ("times", int, "a whole number"),
        ("share", int | float, "a number"),
        ("delay_seconds", int | float, "a number"),
    ):
        if name in body and (isinstance(body[name], bool) or not isinstance(body[name], kinds)):
            raise Refused(f"{name}: expected {called}, got {body[name]!r}")
    fault = Fault(**body)
    if not 400 <= fault.status <= 599:
        raise Refused(f"status: expected 400 to 599, got {fault.status}")
    if fault.share is not None and not 0 <= fault.share <= 1:
        raise Refused(f"share: expected 0 to 1, got {fault.share}")
    if fault.times is not None and fault.times < 1:
        raise Refused(f"times: expected at least 1, got {fault.times}")
    if not 0 <= fault.delay_seconds <= _DELAY_LIMIT_SECONDS:
        raise Refused(f"delay_seconds: expected 0 to {_DELAY_LIMIT_SECONDS:.0f}")
    if not fault.code and not fault.delay_seconds:
        raise Refused("expected a code, a delay_seconds or both")
    _check_known(fault)
    return fault


def _check_known(fault: Fault) -> None:
    """Refuse what no call would ever meet."""
    if not fault.service:
        if fault.operation:
            raise Refused(f"operation: expected a service beside it, got {fault.operation!r} alone")
        return
    if fault.service not in services():
        raise Refused(f"service: {_expected('of the local AWS', services(), fault.service)}")
    there = operations(fault.service)
    if not there:
        raise Refused(
            "service: expected one whose requests are signed for it and not for another, got "
            f"{fault.service!r}"
        )
    if fault.operation and fault.operation not in there:
        raise Refused(f"operation: {_expected(f'of {fault.service}', there, fault.operation)}")


def _expected(whose: str, there: Collection[str], got: str) -> str:
    near = difflib.get_close_matches(got, sorted(there), n=_NAMED_AT_MOST, cutoff=0.0)
    return f"expected one {whose}, such as {', '.join(near)}; got {got!r}"


def _body(fault: Fault, question: Asked | None) -> tuple[bytes, str]:
    message = f"{fault.code}: told of the local AWS over /_fleet/faults"
    if question is not None and question.service in _XML:
        code = f"<Code>{escape(fault.code)}</Code><Message>{escape(message)}</Message>"
        if question.service == "s3":
            text = f"<Error>{code}</Error>"
        elif question.service == "ec2":
            text = f"<Response><Errors><Error>{code}</Error></Errors></Response>"
        else:
            text = f"<ErrorResponse><Error>{code}</Error></ErrorResponse>"
        return text.encode(), "text/xml"
    shown = {"__type": fault.code, "message": message}
    return json.dumps(shown).encode(), "application/x-amz-json-1.0"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Fault"
