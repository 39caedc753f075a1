"""What is known of a task: its result, read from where the manifest's `[results]` keeps it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ops.errors import Exit, OpsError

if TYPE_CHECKING:
    from worker.fleet import Fleet


@dataclass(frozen=True, slots=True)
class Status:
    """A kept result. `done_at` is ISO 8601 in UTC, None while the task is not done.

    `error` is the exception's class and text where `state` is FAILURE or RETRY; `result` is what
    the task returned, as JSON has it.
    """

    task_id: str
    state: str
    result: Any
    error: str | None
    done_at: str | None


def status(fleet: Fleet, task_id: str) -> Status | None:
    """Return what is kept of a task's end; None where nothing is. Raises OpsError.

    None says little: no task of that id, one that waits or runs, or a result that has expired.
    """
    if fleet.results is None:
        raise OpsError(
            f"{fleet.path}: results: expected a [results] table, got none: results are off; "
            'add [results] with backend = "dynamodb" to keep those of later tasks',
            Exit.USAGE,
        )
    kept = _in_table(fleet, task_id) if fleet.results.backend == "dynamodb" else None
    if fleet.results.backend == "s3":
        kept = _in_bucket(fleet, fleet.results.bucket or "", task_id)
    return None if kept is None else read(task_id, kept)


def read(task_id: str, kept: bytes) -> Status:
    """Return what Celery's backend wrote of a task (`Backend._get_result_meta`).

    Raises OpsError on what no backend of Celery's writes.
    """
    try:
        meta = json.loads(kept)
        state = meta["status"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise OpsError(
            f"the result of {task_id}: expected JSON as Celery writes it, got something else "
            f"({type(error).__name__}): was it written by another program?"
        ) from error
    result = meta.get("result")
    failed = state in ("FAILURE", "RETRY") and isinstance(result, dict)
    return Status(
        task_id=task_id,
        state=str(state),
        result=None if failed else result,
        error=_error(result) if failed else None,
        done_at=meta.get("date_done"),
    )


def _error(result: dict[str, Any]) -> str:
    message = result.get("exc_message")
    text = ", ".join(map(str, message)) if isinstance(message, list) else str(message or "")
    kind = str(result.get("exc_type"))
    return f"{kind}: {text}" if text else kind


def _in_table(fleet: Fleet, task_id: str) -> bytes | None:
    from ops.aws import aws_errors, dynamodb  # noqa: PLC0415
    from worker.results import KEY_ATTRIBUTE, VALUE_ATTRIBUTE, item_key  # noqa: PLC0415

    client = dynamodb(fleet)
    table = fleet.results_table
    with aws_errors(f"reading {table}", service="dynamodb"):
        try:
            item = client.get_item(
                TableName=table, Key={KEY_ATTRIBUTE: {"S": item_key(task_id)}}
            ).get("Item")
        except client.exceptions.ResourceNotFoundException:
            raise OpsError(
                f"table {table}: expected in DynamoDB, not found there: "
                "create it with `ops stores apply --yes`"
            ) from None
    return None if item is None else bytes(item[VALUE_ATTRIBUTE]["B"])


def _in_bucket(fleet: Fleet, bucket: str, task_id: str) -> bytes | None:
    from ops.aws import aws_errors, s3  # noqa: PLC0415
    from worker.results import object_key  # noqa: PLC0415

    client = s3(fleet)
    with aws_errors(f"reading {bucket}", service="s3"):
        try:
            answer = client.get_object(Bucket=bucket, Key=object_key(task_id))
            return answer["Body"].read()
        except client.exceptions.NoSuchKey:
            return None
        except client.exceptions.NoSuchBucket:
            raise OpsError(
                f"bucket {bucket}: expected in S3, not found there: "
                "create it with `ops stores apply --yes`"
            ) from None
