"""A mend of moto's SQS: a queue keeps its policy when another of its attributes is set.

moto 5.2 takes the policy off at every SetQueueAttributes that does not repeat it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from moto.sqs.models import Queue


def mend() -> None:
    """Have moto keep it in this process."""
    Queue._set_attributes = _keeping(Queue._set_attributes)


def _keeping(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def set_attributes(queue: Any, attributes: dict[str, Any], now: float | None = None) -> None:
        if "Policy" not in attributes and hasattr(queue, "_policy_json"):
            attributes = {**attributes, "Policy": queue.policy}
        original(queue, attributes, now)

    return set_attributes
