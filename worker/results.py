"""Where results of tasks go: the manifest's ``[results]`` as Celery settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from worker.fleet import Fleet

#: Where results lie in the manifest's ``results.bucket``.
PREFIX: Final = "results/"
#: The attributes of a result in the table: its key, and when DynamoDB may delete it (seconds
#: since the epoch). Both are Celery's names.
KEY_ATTRIBUTE: Final = "id"
EXPIRES_ATTRIBUTE: Final = "ttl"
VALUE_ATTRIBUTE: Final = "result"

_KEY_PREFIX: Final = "celery-task-meta-"


def settings(fleet: Fleet) -> dict[str, Any]:
    """Return the Celery settings of the manifest's results."""
    if fleet.results is None:
        return {"result_backend": "worker.backends:Off"}
    backends = {"dynamodb": "worker.backends:DynamoDB", "s3": "worker.backends:S3"}
    bucket = {"s3_bucket": fleet.results.bucket, "s3_base_path": PREFIX}
    return {
        "result_backend": backends[fleet.results.backend],
        **(bucket if fleet.results.backend == "s3" else {}),
        "result_expires": fleet.results.expires,
        # boto3's clients may be shared between threads; one for each takes a tenth of a second
        "result_backend_thread_safe": True,
        # beside boto3's own attempts; without a bound, a store that is down keeps a slot for good
        "result_backend_always_retry": True,
        "result_backend_max_retries": 3,
    }


def object_key(task_id: str) -> str:
    """Return the key of a task's result in the bucket."""
    return f"{PREFIX}{_KEY_PREFIX}{task_id}"


def item_key(task_id: str) -> str:
    """Return the key of a task's result in the table.

    Celery's backend makes its keys of bytes and takes ``str()`` of them: with the b and quotes.
    Ours keeps that, for producers that read the table through Celery's own.
    """
    return str(f"{_KEY_PREFIX}{task_id}".encode())
