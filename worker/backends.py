"""Celery's result backends, on tables and buckets that `ops stores apply` has made.

Celery's own make their client with boto3's defaults (a minute until a silent connection is given
up), one that a forked child shares with its parent; the DynamoDB one also asks at its start for
the right to create tables. What is kept, and under which key, is Celery's.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, NoReturn

from botocore.exceptions import ClientError
from celery.backends.base import DisabledBackend
from celery.backends.dynamodb import DynamoDBBackend
from celery.backends.s3 import S3Backend
from celery.states import SUCCESS
from kombu.utils.encoding import bytes_to_str, ensure_bytes

from worker.aws import PerProcess, make_client
from worker.results import PREFIX
from worker.sqs.errors import CALL_ERRORS, describe, error_code
from worker.sqs.transport import OPTION

if TYPE_CHECKING:
    from worker.fleet import Fleet, Results

logger = logging.getLogger(__name__)

READ_TIMEOUT_SECONDS: Final = 5
ATTEMPTS: Final = 4


class NoResults(NotImplementedError):
    """Results are asked for that nobody keeps; the text says what to add."""


class ResultNotKept(RuntimeError):
    """A task has run, and its result could not be kept; the text says where, why and what helps."""


class Off(DisabledBackend):
    """No results: asking for one says so in the manifest's terms."""

    def _off(self, *_: Any, **__: Any) -> NoReturn:
        path = _fleet(self).path
        raise NoResults(
            f"{path}: results: expected a [results] table, since a result was asked for, found "
            'none: add [results] with backend = "dynamodb", or do not ask'
        )

    def as_uri(self, *_: Any, **__: Any) -> str:
        """Return what the worker's banner shows."""
        return "disabled://"

    ensure_chords_allowed = _off
    get_state = get_status = get_result = get_traceback = _off
    get_task_meta_for = wait_for = get_many = _off


class Steady:
    """What both backends do when their store errs."""

    def as_uri(self, *_: Any, **__: Any) -> str:
        """Return what the worker's banner shows."""
        raise NotImplementedError

    def store_result(self, task_id: str, result: Any, state: str, *args: Any, **more: Any) -> Any:
        """Keep a result. A failure or a retry that cannot be kept is logged, and stands.

        A success that cannot be kept is raised: whoever asked for results waits for it, so the
        task counts as failed, with this as its reason. Raises ResultNotKept, and what Celery
        raises for a result that JSON cannot carry.
        """
        store: Any = super()
        try:
            return store.store_result(task_id, result, state, *args, **more)
        except Exception as error:
            if state == SUCCESS and isinstance(error, CALL_ERRORS):
                # boto3 makes classes of its errors as it runs, and they do not leave a child.
                raise ResultNotKept(
                    f"{self.as_uri()}: expected to keep the result of a task that has run, found "
                    f"{describe(error)}: ops stores show says what is missing"
                ) from None
            if state == SUCCESS:
                raise
            logger.error("%s: its state %s could not be kept: %s", task_id, state, describe(error))
            return result

    def exception_safe_to_retry(self, exc: BaseException) -> bool:
        """Whether a failed call may be made again: it failed for a reason that may pass."""
        if isinstance(exc, ClientError):
            status = exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            return status >= 500 or status == 429 or "Throttl" in error_code(exc)
        return isinstance(exc, CALL_ERRORS)


class DynamoDB(Steady, DynamoDBBackend):
    """Celery's DynamoDB backend on the fleet's table."""

    def __init__(self, url: str | None = None, **kwargs: Any) -> None:
        super().__init__(None, **kwargs)
        fleet = _fleet(self)
        self.table_name = fleet.results_table
        self.time_to_live_seconds = int(_results(fleet).expires.total_seconds())
        self._clients = PerProcess(lambda: _client("dynamodb", fleet))

    def as_uri(self, *_: Any, **__: Any) -> str:
        """Return what the worker's banner shows."""
        return f"dynamodb://{self.table_name}"

    def _get_client(self, *_: Any, **__: Any) -> Any:
        return self._clients()


class S3(Steady, S3Backend):
    """Celery's S3 backend on the manifest's bucket, under ``results/``."""

    def __init__(self, url: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        fleet = _fleet(self)
        self._clients = PerProcess(lambda: _client("s3", fleet))

    def as_uri(self, *_: Any, **__: Any) -> str:
        """Return what the worker's banner shows."""
        return f"s3://{self.bucket_name}/{PREFIX}"

    def _connect_to_s3(self) -> None:
        """Make no client yet."""

    def get(self, key: str | bytes) -> Any:
        """Return what is kept under ``key``, or None."""
        try:
            answer = self._clients().get_object(Bucket=self.bucket_name, Key=self._path(key))
        except ClientError as error:
            if error_code(error) == "NoSuchKey":
                return None
            raise
        return answer["Body"].read().decode("utf-8")

    def set(self, key: str | bytes, value: str | bytes) -> None:
        """Keep ``value`` under ``key``, encrypted by S3."""
        self._clients().put_object(
            Bucket=self.bucket_name,
            Key=self._path(key),
            Body=ensure_bytes(value),
            ServerSideEncryption="AES256",
        )

    def delete(self, key: str | bytes) -> None:
        """Forget what is kept under ``key``."""
        self._clients().delete_object(Bucket=self.bucket_name, Key=self._path(key))

    def _path(self, key: str | bytes) -> str:
        return f"{PREFIX}{bytes_to_str(key)}"


def _fleet(backend: Any) -> Fleet:
    fleet: Fleet = backend.app.conf.broker_transport_options[OPTION]
    return fleet


def _results(fleet: Fleet) -> Results:
    assert fleet.results is not None  # noqa: S101  # worker.results chose this backend by it
    return fleet.results


def _client(service: str, fleet: Fleet) -> Any:
    return make_client(service, fleet, read_seconds=READ_TIMEOUT_SECONDS, attempts=ATTEMPTS)
