"""How a task's process gets arguments that lie in S3: as a content type that kombu decodes."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any, Final

from billiard.exceptions import SoftTimeLimitExceeded
from kombu import serialization

from worker.payloads.pointer import CONTENT_TYPE, Pointer
from worker.payloads.store import PayloadLost, PayloadUnavailable, Store
from worker.sqs.envelope import read_inner, read_json
from worker.sqs.headers import Undecodable

if TYPE_CHECKING:
    from worker.fleet import Fleet

NAME: Final = "celery-sqs-fleet-payload"


def register(fleet: Fleet) -> None:
    """Make kombu decode pointers to the manifest's bucket. The last manifest counts."""
    if fleet.payload_bucket is not None:
        resolver = Resolver(fleet.payload_bucket, Store(fleet, Random()))  # noqa: S311
        serialization.register(NAME, None, resolver, CONTENT_TYPE, "utf-8")


class Resolver:
    """Fetches what a pointer points to: ``[args, kwargs, embed]``."""

    def __init__(self, bucket: str, store: Store) -> None:
        self._bucket = bucket
        self._store = store

    def __call__(self, text: str) -> list[Any]:
        """Return args, kwargs and embed. Raises ``PayloadUnavailable`` and ``PayloadLost``."""
        pointer = Pointer.read(read_json(text, "pointer"), self._bucket)
        where = f"s3://{pointer.bucket}/{pointer.key}"
        try:
            body = self._store.get(pointer)
        except SoftTimeLimitExceeded:
            raise PayloadUnavailable(f"{where}: no answer within the soft time limit") from None
        try:
            args, kwargs, embed = read_inner(body.decode("utf-8"))
        except (Undecodable, UnicodeDecodeError, RecursionError) as error:
            raise PayloadLost(f"{where}: expected a task's arguments: {error}") from None
        return [args, kwargs, embed if pointer.embed is None else pointer.embed]


def failure(error: BaseException | None) -> PayloadUnavailable | PayloadLost | None:
    """Return why arguments could not be fetched, if that is what ``error`` tells of.

    kombu wraps what a decoder raises in its DecodeError, and a pool of threads that once more.
    """
    for _ in range(4):
        if error is None or isinstance(error, PayloadUnavailable | PayloadLost):
            return error
        inside = error.args[0] if error.args else None
        error = inside if isinstance(inside, BaseException) else error.__cause__
    return None
