"""AWS clients of a worker beside SQS's: one a process, made when first needed."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import boto3
from billiard.exceptions import SoftTimeLimitExceeded
from botocore.config import Config

from worker.sqs.client import CONNECT_TIMEOUT_SECONDS, region

if TYPE_CHECKING:
    from worker.fleet import Fleet

_Client = TypeVar("_Client")


class PerProcess(Generic[_Client]):
    """A client that its process shares with no other; safe to ask from any thread.

    A child that was forked off makes its own: connections cannot be shared with the parent. There
    is no lock, which a fork could copy while it is held: two clients at the first call cost less.
    """

    def __init__(self, make: Callable[[], _Client]) -> None:
        self._make = make
        self._clients: dict[int, _Client] = {}

    def __call__(self) -> _Client:
        """Return this process's client."""
        pid = os.getpid()
        client = self._clients.get(pid)
        if client is None:
            client = self._clients.setdefault(pid, self._make())
        return client

    def forget(self) -> None:
        """Have the next call make another, with credentials looked for anew."""
        self._clients.pop(os.getpid(), None)


def make_client(service: str, fleet: Fleet, *, read_seconds: float, attempts: int) -> Any:
    """Return a boto3 client in the fleet's region, with a session of its own.

    Credentials and endpoints come by AWS's own conventions.
    """
    config = Config(
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        read_timeout=read_seconds,
        retries={"total_max_attempts": attempts, "mode": "standard"},
        tcp_keepalive=True,
        user_agent="celery-sqs-fleet",
    )
    session: Any = boto3.Session(region_name=region(fleet))
    return session.client(service, config=config)


def let_soft_limit_through(error: BaseException) -> None:
    """Raise a soft time limit that struck inside a request: botocore wraps it as its failure."""
    struck: Any = getattr(error, "kwargs", {}).get("error")
    if isinstance(struck, SoftTimeLimitExceeded):
        raise struck
