"""What S3 says of an object that is not there: "denied", to whom may not list its bucket.

"If you don't have the s3:ListBucket permission, Amazon S3 returns an HTTP status code 403" (API
Reference, GetObject). The object's key is held against `s3:prefix`, as nobody's guide says: Ceph's
maintainers found it of S3 (pull request 68577), Kopia's by trying. moto says "not found" to all.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

from moto.core import DEFAULT_ACCOUNT_ID
from moto.iam.models import iam_backends

from ops.local.admin import App
from ops.local.asked import Asked
from ops.local.identity import OPERATOR, caller_of

_READS: Final = ("GetObject", "HeadObject")
_DENIED: Final = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
)


def before(app: App) -> App:
    """Return an application that answers as S3 does, before moto's `app`."""

    def call(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        question = environ.get("fleet.asked")
        if not isinstance(question, Asked) or not _may_not_know(question):
            return app(environ, start_response)
        told: list[tuple[Any, ...]] = []

        def started(*answer: Any) -> None:
            told.append(answer)

        body = app(environ, started)
        if not told[0][0].startswith("404"):
            start_response(*told[0])
            return body
        if hasattr(body, "close"):
            body.close()
        sent = b"" if question.operation == "HeadObject" else _DENIED
        kind = [("Content-Type", "application/xml"), ("Content-Length", str(len(sent)))]
        start_response("403 Forbidden", kind)
        return [sent]

    return call


def _may_not_know(question: Asked) -> bool:
    """Whether a request reads an object in a bucket that its caller may not list."""
    if question.service != "s3" or question.operation not in _READS:
        return False
    role = caller_of(question.key).role
    known = {each.name: each for each in iam_backends[DEFAULT_ACCOUNT_ID]["aws"].get_roles()}
    if role == OPERATOR or role not in known:
        return False
    bucket, key = (str(question.parameters.get(name, "")) for name in ("Bucket", "Key"))
    documents = [
        *known[role].policies.values(),
        *(policy.document for policy in known[role].managed_policies.values()),
    ]
    return not any(_lists(each, bucket, key) for each in _statements(documents))


def _statements(documents: Iterable[Any]) -> Iterator[Mapping[str, Any]]:
    for document in documents:
        read = json.loads(document) if isinstance(document, str) else document
        yield from _all(read["Statement"])


def _lists(statement: Mapping[str, Any], bucket: str, key: str) -> bool:
    condition = statement.get("Condition", {})
    prefixes = [each for keys in condition.values() for each in _all(keys.get("s3:prefix"))]
    return (
        statement["Effect"] == "Allow"
        and any(fnmatchcase("s3:ListBucket", each) for each in _all(statement.get("Action")))
        and any(
            fnmatchcase(f"arn:aws:s3:::{bucket}", each) for each in _all(statement.get("Resource"))
        )
        and (not prefixes or any(fnmatchcase(key, each) for each in prefixes))
    )


def _all(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]
