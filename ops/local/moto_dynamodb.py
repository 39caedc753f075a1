"""A mend of moto's DynamoDB, for the process that serves it.

moto 5.2 looks at a condition and then writes, in many threads and without a lock, so that of two
conditional writes to one item both can succeed. DynamoDB serialises the writes of an item.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

from moto.dynamodb.models import DynamoDBBackend

_WRITES = ("put_item", "update_item", "delete_item", "transact_write_items")


def mend() -> None:
    """Let one write at a time into moto's DynamoDB in this process."""
    lock = threading.RLock()
    for name in _WRITES:
        setattr(DynamoDBBackend, name, _exclusive(getattr(DynamoDBBackend, name), lock))


def _exclusive(original: Callable[..., Any], lock: threading.RLock) -> Callable[..., Any]:
    @functools.wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        with lock:
            return original(*args, **kwargs)

    return call
