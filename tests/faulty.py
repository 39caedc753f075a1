"""An HTTP proxy in front of the local AWS that errs when told to, and remembers what was asked.

    with Faulty(aws_url) as proxy:
        proxy.fail(Fault("error", action="PutItem", code="ThrottlingException", calls=2))
        ...  # AWS_ENDPOINT_URL=proxy.url
        assert proxy.count("PutItem") == 3

SQS has faults of its own (`tests.sqs`); this is for the other services, in one process with the
test.
"""

from __future__ import annotations

import copy
import http.client
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import urlsplit

Kind = Literal[
    "error",  # an AWS error of `code`, in the shape of the service; nothing is carried out
    "status",  # a bare HTTP status without a body; nothing is carried out
    "silent",  # read and never answered, until cleared; nothing is carried out
    "slow",  # carried out after `seconds`
    "late",  # a query's: answered at once as if carried out, and carried out once it is cleared
    "lost",  # carried out; the connection is closed before the answer
    "cut",  # carried out; the connection is closed in the middle of the answer
    "large",  # answered with `mebibytes` of zeros; nothing is carried out
]

_KEPT_BODY_BYTES = 64 * 1024
_STATUS_OF = {
    "AccessDenied": 403,
    "InternalError": 500,
    "InternalServerError": 500,
    "NoSuchKey": 404,
    "ServiceUnavailable": 503,
    "SlowDown": 503,
}
_CBOR_PATH = "/operation/"
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "expect"}


@dataclass(frozen=True)
class Fault:
    """One fault; the first that matches a call strikes it.

    `action` is the API's name of the call (`PutItem`), `method` and `path` (a prefix) are for S3,
    and `contains` is a text of the body; what is left empty matches every call. The first `skip`
    calls that match pass, and it ends after `calls` (None: when cleared).
    """

    kind: Kind
    action: str = ""
    method: str = ""
    path: str = ""
    contains: str = ""
    skip: int = 0
    calls: int | None = None
    code: str = "InternalServerError"
    status: int | None = None  # None: what AWS uses for the code, and 500 for a bare status
    seconds: float = 1.0
    mebibytes: int = 1
    details: Mapping[str, Any] = field(default_factory=dict)  # what else DynamoDB's error says

    def matches(self, call: Call) -> bool:
        """Whether a call is one of those it is for."""
        return (
            self.action in ("", call.action)
            and self.method in ("", call.method)
            and call.path.startswith(self.path)
            and self.contains.encode() in call.body
        )


@dataclass(frozen=True)
class Call:
    """One request as it came in; `body` is its first 64 KiB, `peer` the caller's port."""

    method: str
    path: str
    action: str
    headers: Mapping[str, str]
    body: bytes
    size_bytes: int
    peer: int
    struck: Kind | None = None


@dataclass
class _Set:
    fault: Fault
    seen: int = 0
    cleared: threading.Event = field(default_factory=threading.Event)


class Faulty:
    """The proxy, on a loopback port of its own. A context manager."""

    def __init__(self, upstream: str) -> None:
        self._faults: list[_Set] = []
        self._calls: list[Call] = []
        self._lock = threading.Lock()
        target = urlsplit(upstream).netloc
        proxy = self

        class Handler(_Handler):
            upstream = target
            faulty = proxy

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.clear()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def fail(self, *faults: Fault) -> None:
        """Add faults; the ones added first are looked at first."""
        with self._lock:
            self._faults += [_Set(fault) for fault in faults]

    def clear(self) -> None:
        """End every fault; what was silent is hung up on."""
        with self._lock:
            gone, self._faults = self._faults, []
        for each in gone:
            each.cleared.set()

    def calls(self, action: str = "", *, method: str = "", path: str = "") -> list[Call]:
        """Return the calls so far, in the order they came, that match as a fault's do."""
        wanted = Fault("status", action=action, method=method, path=path)
        with self._lock:
            return [call for call in self._calls if wanted.matches(call)]

    def count(self, action: str = "", *, method: str = "", path: str = "") -> int:
        """Count the calls so far."""
        return len(self.calls(action, method=method, path=path))

    def forget(self) -> None:
        """Begin to count anew."""
        with self._lock:
            self._calls.clear()

    def take(self, call: Call) -> _Set | None:
        """Note a call, and return the fault that strikes it."""
        with self._lock:
            struck = next((s for s in self._faults if s.fault.matches(call) and _due(s)), None)
            kind = None if struck is None else struck.fault.kind
            self._calls.append(Call(**{**vars(call), "struck": kind}))
            return struck


def _due(each: _Set) -> bool:
    each.seen += 1
    last = None if each.fault.calls is None else each.fault.skip + each.fault.calls
    return each.seen > each.fault.skip and (last is None or each.seen <= last)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # An answer in one segment, sent at once: else each call waits 40 ms for an acknowledgement.
    wbufsize = -1
    disable_nagle_algorithm = True
    upstream: str
    faulty: Faulty

    def handle_expect_100(self) -> bool:
        # botocore waits for it a second before it sends an object's body.
        went_on = super().handle_expect_100()
        self.wfile.flush()
        return went_on

    def do_POST(self) -> None:
        body = self._read()
        call = Call(
            method=self.command,
            path=self.path,
            action=action_of(self.headers.get("X-Amz-Target") or "", self.path, body),
            headers=dict(self.headers.items()),
            body=body[:_KEPT_BODY_BYTES],
            size_bytes=len(body),
            peer=self.client_address[1],
        )
        struck = self.faulty.take(call)
        try:
            if struck is None:
                self._answer(*self._forward(body))
            else:
                self._strike(struck, call, body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the caller has gone, killed perhaps

    do_GET = do_PUT = do_DELETE = do_HEAD = do_POST  # noqa: N815

    def _read(self) -> bytes:
        if "chunked" not in (self.headers.get("Transfer-Encoding") or ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _forward(self, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        upstream = http.client.HTTPConnection(self.upstream, timeout=60)
        headers = {k: v for k, v in self.headers.items() if k.lower() not in _HOP_BY_HOP}
        try:
            upstream.request(self.command, self.path, body, headers)
            answer = upstream.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            upstream.close()

    def _strike(self, struck: _Set, call: Call, body: bytes) -> None:
        fault = struck.fault
        match fault.kind:
            case "error":
                self._answer(*_aws_error(fault, call))
            case "status":
                self._answer(fault.status or 500, {}, b"")
            case "silent":
                struck.cleared.wait()
                self.close_connection = True
            case "slow":
                struck.cleared.wait(fault.seconds)
                self._answer(*self._forward(body))
            case "late":
                text = f"<{call.action}Response><{call.action}Result/></{call.action}Response>"
                # The connection goes on meanwhile, with requests of its own.
                late = (struck, copy.copy(self), body)
                threading.Thread(target=_forward_late, args=late, daemon=True).start()
                self._answer(200, {"Content-Type": "text/xml"}, text.encode())
            case "lost":
                self._forward(body)
                self.close_connection = True
            case "cut":
                self._answer(*self._forward(body), cut=True)
            case "large":
                self.send_response_only(200)
                self.send_header("x-amz-request-id", "0")
                self.send_header("Content-Length", str(fault.mebibytes << 20))
                self.end_headers()
                for _ in range(fault.mebibytes):
                    self.wfile.write(bytes(1 << 20))

    def _answer(
        self, status: int, headers: Mapping[str, str], body: bytes, *, cut: bool = False
    ) -> None:
        self.send_response_only(status)
        length = str(len(body))
        for name, value in headers.items():
            if name.lower() == "content-length" and self.command == "HEAD":
                length = value  # of the object that a GET would bring
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        # A cut answer promises a byte more than it brings, also where it brings none.
        self.send_header("Content-Length", str(len(body) + 1) if cut else length)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2] if cut else body)
        if cut:
            self.wfile.flush()
            self.close_connection = True

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


def _forward_late(struck: _Set, handler: _Handler, body: bytes) -> None:
    struck.cleared.wait()
    handler._forward(body)


def action_of(target: str, path: str, body: bytes) -> str:
    """Return the call's name: of a JSON protocol, of CBOR's path, or of a query's body."""
    if target:
        return target.rpartition(".")[2]
    if _CBOR_PATH in path:
        return path.rpartition("/")[2]
    return body[7:].partition(b"&")[0].decode() if body.startswith(b"Action=") else ""


def _aws_error(fault: Fault, call: Call) -> tuple[int, Mapping[str, str], bytes]:
    status = fault.status or _STATUS_OF.get(fault.code, 400)
    text = f"An injected fault at {time.time():.3f}."
    if _CBOR_PATH in call.path:
        pairs = (*_cbor("__type", f"x#{fault.code}"), *_cbor("message", text))
        headers = {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}
        return status, headers, bytes((0xA2, *pairs))
    if call.body.startswith(b"Action="):
        document = (
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{fault.code}</Code>"
            f"<Message>{text}</Message></Error><RequestId>0</RequestId></ErrorResponse>"
        )
        return status, {"Content-Type": "text/xml"}, document.encode()
    if call.action:
        kind = f"com.amazonaws.dynamodb.v20120810#{fault.code}"
        error = {"__type": kind, "message": text, **fault.details}
        return (
            status,
            {"Content-Type": "application/x-amz-json-1.0"},
            json.dumps(error).encode(),
        )
    document = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{fault.code}</Code><Message>{text}</Message><RequestId>0</RequestId></Error>"
    )
    return status, {"Content-Type": "application/xml"}, document.encode()


def _cbor(key: str, value: str) -> bytes:
    """Encode two short texts."""
    return b"".join(bytes((0x78, len(each))) + each.encode() for each in (key, value))
