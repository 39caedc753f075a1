"""The pointer that a message carries instead of its arguments."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self

from worker.payloads.limits import AT_MOST_BYTES, PREFIX
from worker.sqs.headers import expect

#: The type of a task's body that is a pointer. One of our own, so that a worker which does not
#: know it refuses the message, and never runs the task without its arguments.
CONTENT_TYPE: Final = "application/vnd.celery-sqs-fleet.payload+json"

#: ``payloads/{day}/{task id}/{uuid4}``, as ``Pointer.to`` writes it.
_KEY: Final = re.compile(
    re.escape(PREFIX) + r"\d{4}-\d{2}-\d{2}/[A-Za-z0-9_-]{1,64}/[0-9a-f-]{36}", re.ASCII
)
_NOT_IN_KEYS: Final = re.compile(r"[^A-Za-z0-9_-]", re.ASCII)
_SHA256: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Pointer:
    """Where a task's ``[args, kwargs, embed]`` lies in S3, as JSON, and how to know it again.

    ``embed`` is what Celery keeps beside the arguments (callbacks, errbacks, chain, chord). It
    stays in the message where it fits; None where it lies in S3 with the arguments.
    """

    bucket: str
    key: str
    size_bytes: int
    sha256: str
    embed: Mapping[str, Any] | None

    @classmethod
    def to(
        cls,
        body: bytes,
        *,
        bucket: str,
        task_id: str,
        now: float,
        unique: str,
        embed: Mapping[str, Any] | None,
    ) -> Self:
        """Return the pointer to ``body``, to be put under a key of its own.

        ``now`` is in seconds since the epoch; ``unique`` a UUID no other send has.
        """
        day = datetime.fromtimestamp(now, UTC).date().isoformat()
        name = _NOT_IN_KEYS.sub("_", task_id)[:64] or "_"
        key = f"{PREFIX}{day}/{name}/{unique}"
        return cls(bucket, key, len(body), hashlib.sha256(body).hexdigest(), embed)

    @classmethod
    def read(cls, found: object, bucket: str) -> Self:
        """Return the pointer that a message's decoded body is, checked but for its ``embed``.

        ``bucket`` is the manifest's: what comes off the wire does not choose where we read.
        Raises ``Undecodable``.
        """
        place = "body of the task"
        expect(isinstance(found, dict), place, "a pointer to its arguments", found)
        assert isinstance(found, dict)  # noqa: S101  # for the type checker: checked above
        expect(found.get("bucket") == bucket, "bucket", "the manifest's", found.get("bucket"))
        key, size, digest = found.get("key"), found.get("bytes"), found.get("sha256")
        expect(isinstance(key, str) and bool(_KEY.fullmatch(key)), "key", f"one of {PREFIX}", key)
        expect(
            isinstance(size, int) and not isinstance(size, bool) and 0 < size <= AT_MOST_BYTES,
            "bytes",
            f"a number of bytes up to {AT_MOST_BYTES}",
            size,
        )
        expect(isinstance(digest, str) and bool(_SHA256.fullmatch(digest)), "sha256", "hex", digest)
        embed = found.get("embed")
        expect(embed is None or isinstance(embed, dict), "embed", "an object", embed)
        return cls(bucket, key, size, digest, embed)  # type: ignore[arg-type]  # checked above

    def as_json(self) -> str:
        """Return the body of a task's message that is this pointer."""
        return json.dumps(
            {
                "bucket": self.bucket,
                "key": self.key,
                "bytes": self.size_bytes,
                "sha256": self.sha256,
                "embed": self.embed,
            }
        )

    def fits(self, body: bytes) -> bool:
        """Say whether ``body`` is what was put there."""
        return len(body) == self.size_bytes and hashlib.sha256(body).hexdigest() == self.sha256
