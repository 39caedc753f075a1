"""Messages as Celery's own producers write them, caught before they reach a wire."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from celery import Celery, Task, chain, chord, group
from kombu.asynchronous.aws.sqs.message import AsyncMessage
from kombu.utils.json import dumps

TASK = "produced.add"


def make_app(**transport_options: Any) -> Celery:
    """Return an app of its own on kombu's in-memory transport, with one task."""
    app = Celery("producers", set_as_current=False)
    app.conf.update(
        broker_url="memory://",
        result_backend="cache+memory://",
        broker_transport_options=transport_options,
        task_serializer="json",
        accept_content=["json"],
        task_default_queue=f"produced-{uuid.uuid4()}",
    )
    app.task(name=TASK, shared=False)(_add)
    app.finalize()
    return app


def _add(*args: Any, **kwargs: Any) -> int:
    return len(args) + len(kwargs)


def sent(app: Celery, publish: Callable[[Task], Any]) -> list[dict[str, Any]]:
    """Return the messages that ``publish`` sends, as kombu's virtual transports are given them."""
    publish(app.tasks[TASK])
    with app.connection_for_write() as connection:
        queue = connection.default_channel._queue_for(app.conf.task_default_queue)
        return [queue.get_nowait() for _ in range(queue.qsize())]


def on_the_wire(message: dict[str, Any], *, base64: bool = True) -> str:
    """Return the body that kombu's SQS transport sends (``Channel._put``)."""
    text = dumps(message)
    body: str = AsyncMessage().encode(text) if base64 else text
    return body


def _stamped(task: Task) -> Any:
    signature = task.s(1)
    signature.stamp(tenant="acme", tags=["a", "b"])
    return signature.apply_async()


NOW = datetime.datetime(2026, 11, 21, 4, 5, 6, 789, tzinfo=datetime.UTC)

#: What a producer may do, by name.
WAYS: dict[str, Callable[[Task], Any]] = {
    "plain": lambda task: task.delay(1, b="c"),
    "no arguments": lambda task: task.delay(),
    "countdown": lambda task: task.apply_async((1,), countdown=90),
    "eta": lambda task: task.apply_async((1,), eta=NOW),
    "eta without a zone": lambda task: task.apply_async((1,), eta=NOW.replace(tzinfo=None)),
    "expires in seconds": lambda task: task.apply_async((1,), expires=3600),
    "expires at a time": lambda task: task.apply_async((1,), expires=NOW),
    "limits": lambda task: task.apply_async((1,), time_limit=30, soft_time_limit=2.5),
    "a retry": lambda task: task.apply_async((1,), retries=3),
    "a shadow": lambda task: task.apply_async((1,), shadow="other.name"),
    "a priority": lambda task: task.apply_async((1,), priority=7),
    "headers": lambda task: task.apply_async((1,), headers={"tenant": "acme", "n": [1, {}]}),
    "typed headers": lambda task: task.apply_async(
        (1,), headers={"at": NOW, "of": uuid.UUID(int=7), "price": Decimal("1.50")}
    ),
    "typed arguments": lambda task: task.delay(NOW, NOW.date(), uuid.UUID(int=7), Decimal("1.5")),
    "bytes": lambda task: task.delay(b"text", b"\xff\xfe"),
    "unicode": lambda task: task.delay("grüße 你好 \N{PILE OF POO} \x00", key="\u2028"),
    "zlib": lambda task: task.apply_async(("x" * 5000,), compression="zlib"),
    "bzip2": lambda task: task.apply_async(("x" * 5000,), compression="bzip2"),
    "link": lambda task: task.apply_async((1,), link=task.s(2), link_error=task.s(3)),
    "chain": lambda task: chain(task.s(1), task.s(2), task.s(3)).apply_async(),
    "group": lambda task: group(task.s(i) for i in range(3)).apply_async(),
    "chord": lambda task: chord([task.s(1), task.s(2)], task.s(3)).apply_async(),
    "a chain in a chord": lambda task: chord([chain(task.s(1), task.s(2))], task.s(3)).delay(),
    "stamps": _stamped,
    "no result": lambda task: task.apply_async((1,), ignore_result=True),
    "a long argument": lambda task: task.delay("y" * 300_000),
    "an SQS delay": lambda task: task.apply_async((1,), DelaySeconds=30),
}
