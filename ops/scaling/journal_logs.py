"""The journal as a CloudWatch log group: a stream an engine, an event a line.

PutLogEvents takes 10,000 events or 1,048,576 bytes a call, 26 bytes counted for each event, in the
order of their times; an event has at most 1 MB since April 2025 (API reference). What AWS does not
take is kept for the next tick, up to `KEPT_AT_MOST_BYTES`.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from ops.aws import aws_errors, unattended
from ops.errors import OpsError

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

    from worker.fleet import Fleet

BATCH_AT_MOST_BYTES: Final = 1_048_576
BATCH_AT_MOST_EVENTS: Final = 10_000
EVENT_AT_MOST_BYTES: Final = 1_000_000
_EVENT_BYTES: Final = 26
#: Some minutes of a large fleet's lines.
KEPT_AT_MOST_BYTES: Final = 8 * 1024 * 1024
#: Two ticks fit into the time between two, whatever becomes of the answer.
_ANSWER_SECONDS: Final = 3.0
_SERVICE: Final = "logs"


class LogsJournal:
    """Lines as events of a log stream, which it creates; the group must be there."""

    def __init__(self, client: CloudWatchLogsClient, group: str, stream: str) -> None:
        self._client = client
        self._group = group
        self._stream = stream
        self._created = False
        self._waiting: deque[tuple[int, str, int]] = deque()
        self._waiting_bytes = 0
        self._last_ms = 0
        self._lost = False

    @classmethod
    def of(cls, fleet: Fleet, group: str, stream: str) -> LogsJournal:
        """Return one with a client of its own. Raises OpsError as `ops.aws.sqs` does."""
        client: CloudWatchLogsClient = unattended(
            _SERVICE, fleet, read_seconds=_ANSWER_SECONDS, attempts=1
        )
        return cls(client, group, _stream_name(stream))

    @property
    def fresh(self) -> bool:
        """Whether lines were lost on their way."""
        return self._lost

    def write(self, lines: Sequence[str], now: float) -> str:
        """Send lines, and those that are still here from before."""
        self._lost = False
        # The clock may be set back; a batch must be in order.
        self._last_ms = max(self._last_ms, int(now * 1000))
        troubles = [self._keep(line) for line in lines]
        try:
            self._send()
        except OpsError as error:
            troubles.append(str(error))
        return "; ".join(filter(None, troubles))

    def close(self) -> None:
        """Nothing is open between two calls."""

    def _keep(self, line: str) -> str:
        size = len(line.encode(errors="backslashreplace")) + _EVENT_BYTES
        if size > EVENT_AT_MOST_BYTES:
            self._lost = True
            return f"{self._group}: a line of {size} bytes is more than an event takes, left out"
        self._waiting.append((self._last_ms, line, size))
        self._waiting_bytes += size
        dropped = 0
        while self._waiting_bytes > KEPT_AT_MOST_BYTES:
            self._drop(1)
            dropped += 1
        if dropped:
            self._lost = True
            return f"{self._group}: {dropped} lines were lost"
        return ""

    def _drop(self, count: int) -> None:
        for _ in range(count):
            self._waiting_bytes -= self._waiting.popleft()[2]

    def _send(self) -> None:
        from botocore.exceptions import ClientError  # noqa: PLC0415

        with aws_errors(f"writing {self._group}", service=_SERVICE):
            try:
                if not self._created:
                    self._create()
                while self._waiting:
                    batch = self._batch()
                    events: Any = [{"timestamp": at, "message": line} for at, line, _ in batch]
                    self._client.put_log_events(
                        logGroupName=self._group, logStreamName=self._stream, logEvents=events
                    )
                    self._drop(len(batch))
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") == "ResourceNotFoundException":
                    self._created = False
                    raise OpsError(
                        f"{self._group}: expected in CloudWatch Logs, not found there: create it "
                        "with ops stack apply --yes or, without stacks, with aws logs "
                        f"create-log-group --log-group-name {self._group}"
                    ) from error
                raise

    def _create(self) -> None:
        with contextlib.suppress(self._client.exceptions.ResourceAlreadyExistsException):
            self._client.create_log_stream(logGroupName=self._group, logStreamName=self._stream)
        self._created = True

    def _batch(self) -> list[tuple[int, str, int]]:
        batch: list[tuple[int, str, int]] = []
        size = 0
        for event in self._waiting:
            size += event[2]
            if size > BATCH_AT_MOST_BYTES or len(batch) == BATCH_AT_MOST_EVENTS:
                break
            batch.append(event)
        return batch


def _stream_name(name: str) -> str:
    """Return a name without what a stream's may not have (API reference, CreateLogStream)."""
    return name.replace(":", "-").replace("*", "-")[:512]
