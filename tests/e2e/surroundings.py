"""What a node has around it on EC2 or ECS: a metadata service and Auto Scaling's hooks, over HTTP.

Both on one loopback port; what they answer is set by the test, what they were asked is kept. Auto
Scaling's part is the three calls that an agent makes, strict about their parameters.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl

TOKEN_HEADER = "X-aws-ec2-metadata-token"
GROUP_TAG = "tags/instance/aws:autoscaling:groupName"
CALLS = {
    "CompleteLifecycleAction": {
        "LifecycleHookName",
        "AutoScalingGroupName",
        "InstanceId",
        "LifecycleActionResult",
    },
    "RecordLifecycleActionHeartbeat": {"LifecycleHookName", "AutoScalingGroupName", "InstanceId"},
    "SetInstanceHealth": {"InstanceId", "HealthStatus", "ShouldRespectGracePeriod"},
}


@dataclass
class Machine:
    """One machine's surroundings. A context manager."""

    instance: str = "i-0abc0000000000001"
    group: str = "e2e-work"
    waits: set[str] = field(default_factory=set)
    """The hooks in which the instance waits."""
    calls: list[dict[str, str]] = field(default_factory=list)
    """Auto Scaling's calls that were carried out or refused, in their order."""
    refusals: deque[tuple[str, str]] = field(default_factory=deque)
    """Codes and messages with which the next calls are refused."""

    def __post_init__(self) -> None:
        self.silent = threading.Event()
        """Set: the metadata service takes requests and never answers."""
        self._spoken = threading.Event()
        self._tokens: set[str] = set()
        self.tokens_made = 0
        self.fails: set[str] = set()
        """Paths of metadata that are answered with 500."""
        self.metadata: dict[str, str] = {"instance-id": self.instance, GROUP_TAG: self.group}

    def __enter__(self) -> Self:
        machine = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_PUT(self) -> None:
                machine._token(self)

            def do_GET(self) -> None:
                machine._get(self)

            def do_POST(self) -> None:
                machine._call(self)

            def log_message(self, format: str, *args: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._spoken.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def env(self) -> dict[str, str]:
        """Where an agent finds it."""
        return {
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": f"{self.url}/",
            "AWS_ENDPOINT_URL_AUTO_SCALING": self.url,
        }

    # -- what happens to the machine ---------------------------------------------------------------

    def launched(self) -> None:
        """Its group waits for it to join."""
        self.waits.add("fleet-join")
        self.metadata["autoscaling/target-lifecycle-state"] = "InService"

    def terminated(self) -> None:
        """Its group waits for it to leave."""
        self.waits.add("fleet-leave")
        self.metadata["autoscaling/target-lifecycle-state"] = "Terminated"

    def reclaimed(self, seconds: float) -> None:
        """Its spot instance is taken back in so many seconds."""
        at = datetime.now(UTC) + timedelta(seconds=seconds)
        action = {"action": "terminate", "time": at.strftime("%Y-%m-%dT%H:%M:%SZ")}
        self.metadata["spot/instance-action"] = json.dumps(action)

    def expire_tokens(self) -> None:
        """No token is taken any more but one that is made from now on."""
        self._tokens.clear()

    def called(self, action: str, **parameters: str) -> list[dict[str, str]]:
        """The calls of this name with at least these parameters."""
        wanted = {"Action": action, **parameters}.items()
        return [call for call in list(self.calls) if wanted <= call.items()]

    # -- what it answers ---------------------------------------------------------------------------

    def _token(self, handler: BaseHTTPRequestHandler) -> None:
        if self.silent.is_set():
            self._spoken.wait(30)
            return
        assert 1 <= int(handler.headers[f"{TOKEN_HEADER}-ttl-seconds"]) <= 21600
        assert handler.path == "/latest/api/token"
        self.tokens_made += 1
        token = f"token-{self.tokens_made}"
        self._tokens.add(token)
        _answer(handler, 200, token)

    def _get(self, handler: BaseHTTPRequestHandler) -> None:
        if handler.path == "/task/task":
            arn = "arn:aws:ecs:eu-west-1:000000000000:task/e2e/0123456789abcdef0123456789abcdef"
            _answer(handler, 200, json.dumps({"TaskARN": arn, "ServiceName": self.group}))
            return
        if self.silent.is_set():
            self._spoken.wait(30)
            return
        if handler.headers.get(TOKEN_HEADER) not in self._tokens:
            _answer(handler, 401, "")
            return
        path = handler.path.removeprefix("/latest/meta-data/")
        if path in self.fails:
            _answer(handler, 500, "")
            return
        found = self.metadata.get(path)
        _answer(handler, 404 if found is None else 200, found or "")

    def _call(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"])).decode()
        call = dict(parse_qsl(body))
        action = call["Action"]
        assert call.keys() - {"Action", "Version"} == CALLS[action], call
        self.calls.append(call)
        hook = call.get("LifecycleHookName")
        if self.refusals:
            _refuse(handler, *self.refusals.popleft())
        elif hook is not None and hook not in self.waits:
            text = f"No active Lifecycle Action found with instance ID {self.instance}"
            _refuse(handler, "ValidationError", text)
        else:
            if action == "CompleteLifecycleAction":
                self.waits.remove(call["LifecycleHookName"])
            said = "<ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata>"
            _answer(handler, 200, f"<{action}Response><{action}Result/>{said}</{action}Response>")


def _refuse(handler: BaseHTTPRequestHandler, code: str, message: str) -> None:
    error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
    _answer(handler, 400, f"<ErrorResponse>{error}</ErrorResponse>")


def _answer(handler: Any, status: int, text: str) -> None:
    body = text.encode()
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)
