"""Who called what of the local AWS: a line of JSON for each call, in a file.

It is what least privilege is checked by: each line has the action, the resources and the condition
keys by which a policy may allow it. No payloads and no secrets are written.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from moto.core import DEFAULT_ACCOUNT_ID

from ops.local.admin import App
from ops.local.asked import Asked
from ops.local.identity import caller_of
from ops.local.resources_asked import conditions_of, operations_of, resources_of

FILE: Final = "calls.jsonl"
_ERROR: Final = re.compile(
    rb"<Code>([^<]{1,128})</Code>|\"__type\": *\"(?:[^\"#]*#)?([^\"]{1,128})\""
)
_LOOK_BYTES: Final = 4096


@dataclass(frozen=True, slots=True)
class Call:
    """A call: `at` in seconds since the epoch; `error` empty where it succeeded.

    `action` is as a policy names it (`sqs:SendMessage`). `via` is the service that called on the
    caller's behalf. `parameters` are names of resources and the like, nothing of their contents.
    `operations` are what a transaction does: pairs of an action and the resource it is on.
    """

    at: float
    role: str
    who: str
    via: str
    region: str
    service: str
    operation: str
    action: str
    status: int
    error: str = ""
    resources: tuple[str, ...] = ()
    conditions: Mapping[str, str | list[str]] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    operations: tuple[tuple[str, str], ...] = ()


def calls(folder: Path) -> list[Call]:
    """Return the calls recorded in a folder so far, in the order in which they were answered."""
    try:
        lines = (folder / FILE).read_text().splitlines()
    except FileNotFoundError:
        return []
    return [
        Call(
            **{
                **told,
                "resources": tuple(told["resources"]),
                "operations": tuple(map(tuple, told["operations"])),
            }
        )
        for told in map(json.loads, lines)
    ]


class Record:
    """Writes the file; each call is one write of one line."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._file = (folder / FILE).open("a")

    def before(self, app: App) -> App:
        """Return an application that records what `app` answers."""

        def call(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            question = environ.get("fleet.asked")
            if not isinstance(question, Asked):
                return app(environ, start_response)
            told: list[int] = []

            def started(status: str, headers: Any, *rest: Any) -> Any:
                told.append(int(status.split(maxsplit=1)[0]))
                return start_response(status, headers, *rest)

            return self._recorded(question, told, app(environ, started))

        return call

    def _recorded(self, question: Asked, told: list[int], body: Iterable[bytes]) -> Iterator[bytes]:
        first = b""
        try:
            for piece in body:
                if len(first) < _LOOK_BYTES:
                    first += piece[:_LOOK_BYTES]
                yield piece
        finally:
            close = getattr(body, "close", None)
            if close is not None:
                close()
            self._write(question, told[-1] if told else 0, first)

    def _write(self, question: Asked, status: int, first: bytes) -> None:
        error = ""
        if status >= 400:
            found = _ERROR.search(first)
            error = (found.group(1) or found.group(2)).decode() if found is not None else "Unknown"
        caller = caller_of(question.key)
        line = Call(
            at=round(time.time(), 3),
            role=caller.role,
            who=caller.who,
            via=question.via,
            region=question.region,
            service=question.service,
            operation=question.operation,
            action=action_of(question),
            status=status,
            error=error,
            resources=resources_of(question, DEFAULT_ACCOUNT_ID),
            conditions=conditions_of(question, DEFAULT_ACCOUNT_ID),
            parameters=_safe(question.parameters),
            operations=operations_of(question, DEFAULT_ACCOUNT_ID),
        )
        text = json.dumps(asdict(line), default=str) + "\n"
        with self._lock:
            self._file.write(text)
            self._file.flush()


#: Operations whose permission has another name (Service Authorization Reference).
_ACTIONS: Final = {
    ("s3", "HeadObject"): "s3:GetObject",
    ("s3", "ListObjects"): "s3:ListBucket",
    ("s3", "ListObjectsV2"): "s3:ListBucket",
    ("s3", "HeadBucket"): "s3:ListBucket",
    ("s3", "DeleteObjects"): "s3:DeleteObject",
    ("s3", "CreateMultipartUpload"): "s3:PutObject",
    ("s3", "UploadPart"): "s3:PutObject",
    ("s3", "CompleteMultipartUpload"): "s3:PutObject",
    ("s3", "CopyObject"): "s3:PutObject",
    ("s3", "PutBucketEncryption"): "s3:PutEncryptionConfiguration",
    ("s3", "GetBucketEncryption"): "s3:GetEncryptionConfiguration",
    ("s3", "PutBucketLifecycleConfiguration"): "s3:PutLifecycleConfiguration",
    ("s3", "GetBucketLifecycleConfiguration"): "s3:GetLifecycleConfiguration",
    ("s3", "PutPublicAccessBlock"): "s3:PutBucketPublicAccessBlock",
    ("s3", "GetPublicAccessBlock"): "s3:GetBucketPublicAccessBlock",
    ("lambda", "Invoke"): "lambda:InvokeFunction",
    ("sqs", "SendMessageBatch"): "sqs:SendMessage",
    ("sqs", "DeleteMessageBatch"): "sqs:DeleteMessage",
    ("sqs", "ChangeMessageVisibilityBatch"): "sqs:ChangeMessageVisibility",
}


def action_of(question: Asked) -> str:
    """Return the action by which a policy allows what is asked."""
    named = _ACTIONS.get((question.service, question.operation))
    return named or f"{question.service}:{question.operation}"


#: What may be written: names and numbers, by how their parameters are called.
_WRITTEN: Final = re.compile(
    r".*(Name|Names|Arn|ARN|Arns|Id|Ids|Url|URL|Key|Bucket|Capacity|Size|Action|Result|Count|"
    r"Type|Status|State|Group|Cluster|Service|Instances|Decrement\w*|Seconds|Path|Namespace)",
    re.IGNORECASE,
)
_SECRET: Final = re.compile(r"secret|token|password|sse|receipt", re.IGNORECASE)
_TEXT_LIMIT: Final = 256


def _safe(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value if isinstance(value, int | float | bool) else str(value)[:_TEXT_LIMIT]
        for name, value in parameters.items()
        if _WRITTEN.fullmatch(name)
        and not _SECRET.search(name)
        and (isinstance(value, str | int | float | bool) or _plain(value))
        # A key of S3 or of a parameter is a name; one of a table is data.
        and not (name == "Key" and not isinstance(value, str))
    }


def _plain(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)
