"""AWS JSON 1.0 over HTTP: a request becomes a call, a result or an error becomes an answer."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from aiohttp.web import BaseRequest

from tests.sqs.call import Call, Result
from tests.sqs.errors import SqsError
from tests.sqs.schema import Check

CONTENT_TYPE = "application/x-amz-json-1.0"
_TARGET_PREFIX = "AmazonSQS."
_CREDENTIAL = re.compile(r"AWS4-HMAC-SHA256 Credential=([^/, ]+)/\d{8}/([^/, ]+)/sqs/aws4_request")


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: an HTTP status, a JSON body, and the outcome for the call log."""

    status: int
    body: bytes
    outcome: str = "ok"
    query_error: str | None = None

    def cut_in_half(self) -> Answer:
        """The same answer with half of its body: no JSON any more."""
        return replace(self, body=self.body[: max(1, len(self.body) // 2)])

    @classmethod
    def of_result(cls, result: Result) -> Answer:
        """The answer of an action that was carried out."""
        return cls(200, json.dumps(result, separators=(",", ":")).encode())

    @classmethod
    def of_error(cls, error: SqsError) -> Answer:
        """The answer of an action that was refused."""
        return cls(error.status, json.dumps(error.body).encode(), error.code, error.query_error)


def parse_call(
    request: BaseRequest, body: bytes, checks: Mapping[str, Check], is_open: Callable[[], bool]
) -> Call:
    """Read a request. Raises :class:`SqsError` for what SQS would not understand."""
    headers = request.headers
    target = headers.get("X-Amz-Target", "")
    action = target.removeprefix(_TARGET_PREFIX)
    check = checks.get(action) if target.startswith(_TARGET_PREFIX) else None
    if check is None or request.method != "POST":
        raise SqsError(
            "InvalidAction",
            f"{request.method} with X-Amz-Target {target!r}: not an action of SQS's JSON protocol.",
        )
    if headers.get("Content-Type") != CONTENT_TYPE:
        raise SqsError(
            "SerializationException",
            f"Content-Type: expected {CONTENT_TYPE}, got {headers.get('Content-Type')}.",
        )
    credential = _CREDENTIAL.match(headers.get("Authorization", ""))
    if credential is None:
        raise SqsError(
            "MissingAuthenticationToken",
            "The request has no Authorization header of AWS signature version 4 for sqs.",
        )
    try:
        parameters = json.loads(body)
    except (ValueError, RecursionError):
        raise SqsError("SerializationException", "The request body is not JSON.") from None
    check(parameters, action)
    url = parameters.get("QueueUrl")
    return Call(
        action=action,
        parameters=parameters,
        queue_name=(url.rpartition("/")[2] if url else parameters.get("QueueName")) or "",
        access_key_id=credential[1],
        region=credential[2],
        user_agent=headers.get("User-Agent", ""),
        started_at=time.monotonic(),
        is_open=is_open,
    )
