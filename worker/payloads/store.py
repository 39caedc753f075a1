"""Arguments in S3: put when a message is sent, fetched in the process that runs the task."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Final, TypeVar

from botocore.exceptions import ClientError

from worker.aws import PerProcess, let_soft_limit_through, make_client
from worker.sqs.backoff import wait_seconds
from worker.sqs.errors import CALL_ERRORS, Trouble, describe, error_code, trouble

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from worker.fleet import Fleet
    from worker.payloads.pointer import Pointer

logger = logging.getLogger(__name__)

_T = TypeVar("_T")

#: S3 answers its first byte within milliseconds; a connection silent for this long is dead.
READ_TIMEOUT_SECONDS: Final = 10
ATTEMPTS: Final = 4
_CHUNK_BYTES: Final = 1024 * 1024

_GONE: Final = frozenset({"NoSuchKey", "404"})
#: What nobody but an operator can mend: trying again at once cannot help.
_NO_BUCKET: Final = frozenset({"NoSuchBucket"})
_LASTING: Final = frozenset({Trouble.DENIED, Trouble.CREDENTIALS})


class PayloadUnavailable(OSError):
    """S3 did not take or give arguments for a reason that may pass; the text says which.

    An OSError, so that kombu treats it as the broker's own: it publishes again by the publish
    policy, and raises its OperationalError in the end.
    """


class PayloadLost(Exception):
    """Arguments are not in S3, or not as they were sent; the text says which object."""


class PayloadRefused(Exception):
    """S3 refuses to take arguments until somebody mends it; the text names the remedy."""


class _Mismatch(Exception):
    """The object read is not the one that the pointer tells of."""


class Store:
    """The manifest's bucket of arguments; safe to share between threads, and to fork."""

    def __init__(self, fleet: Fleet, rng: Random) -> None:
        self._fleet = fleet
        self._rng = rng
        self._s3: PerProcess[S3Client] = PerProcess(
            # botocore's own attempts do not cover an answer that breaks off
            lambda: make_client("s3", fleet, read_seconds=READ_TIMEOUT_SECONDS, attempts=1)
        )

    def put(self, pointer: Pointer, body: bytes) -> None:
        """Put arguments where ``pointer`` says, encrypted by S3.

        Raises ``PayloadUnavailable``, and ``PayloadRefused`` where only an operator can help.
        """

        def put_once() -> None:
            self._s3().put_object(
                Bucket=pointer.bucket,
                Key=pointer.key,
                Body=body,
                ContentType="application/json",
                ServerSideEncryption="AES256",
            )

        try:
            self._tried(put_once)
        except CALL_ERRORS as error:
            where = f"{self._fleet.path}: payload_bucket {pointer.bucket}"
            found = f"{where}: expected S3 to take {pointer.key}, found {describe(error)}"
            if error_code(error) in _NO_BUCKET:
                raise PayloadRefused(f"{found}: create it with `ops stores apply --yes`") from error
            if trouble(error) is Trouble.DENIED:
                raise PayloadRefused(
                    f"{found}: allow s3:PutObject on {pointer.bucket}/payloads/*"
                ) from error
            raise PayloadUnavailable(found) from error

    def get(self, pointer: Pointer) -> bytes:
        """Return what ``pointer`` points to, of the size and hash it tells.

        Raises ``PayloadUnavailable`` and ``PayloadLost``.
        """
        where = f"s3://{pointer.bucket}/{pointer.key}"
        try:
            return self._tried(lambda: self._read(pointer))
        except _Mismatch:
            raise PayloadLost(
                f"{where}: expected {pointer.size_bytes} bytes with the hash they were sent with, "
                "found others"
            ) from None
        except CALL_ERRORS as error:
            if error_code(error) in _GONE:
                raise PayloadLost(f"{where}: expected arguments, found no such object") from None
            raise PayloadUnavailable(f"{where}: {describe(error)}") from None

    def _read(self, pointer: Pointer) -> bytes:
        body = self._s3().get_object(Bucket=pointer.bucket, Key=pointer.key)["Body"]
        chunks: list[bytes] = []
        left = pointer.size_bytes + 1
        try:
            while left > 0 and (chunk := body.read(min(left, _CHUNK_BYTES))):
                chunks.append(chunk)
                left -= len(chunk)
        finally:
            body.close()
        whole = b"".join(chunks)
        if not pointer.fits(whole):
            raise _Mismatch
        return whole

    def _tried(self, call: Callable[[], _T]) -> _T:
        """Make a call up to ``ATTEMPTS`` times; raise what the last of them did."""
        failures = 0
        while True:
            try:
                return call()
            except (*CALL_ERRORS, _Mismatch) as error:
                let_soft_limit_through(error)
                failures += 1
                if trouble(error) is Trouble.CREDENTIALS:
                    self._s3.forget()  # those that lie in a file, boto3 reads but once
                if failures >= ATTEMPTS or _lasts(error):
                    raise
                logger.debug("S3: %s: trying again", describe(error))
            time.sleep(wait_seconds(failures, self._rng))


def _lasts(error: BaseException) -> bool:
    if not isinstance(error, ClientError):
        return False
    code = error_code(error)
    return code in _GONE or code in _NO_BUCKET or trouble(error) in _LASTING
