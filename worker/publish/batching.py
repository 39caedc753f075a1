"""``batching``: whatever an application publishes, a group above all, collected into batches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from celery import Celery
from kombu import Producer

#: Messages are sent when so many wait, and at the end.
BATCHING_AT_MOST = 1000


@contextmanager
def batching(app: Celery) -> Iterator[Producer]:
    """Give a producer whose messages are sent in batches, at the latest when the block ends.

    To be passed on as ``producer=``, as in ``group(...).apply_async(producer=producer)``: it is
    kombu's own ``Producer.batch()``. Where the block raises, what waits is not sent. Raises
    ``BatchUnsent`` with the ids of tasks that SQS refused or did not confirm;
    ``after_task_publish`` comes before the send here, as with any batch of kombu's.
    """
    with app.producer_or_acquire() as producer, producer.batch(BATCHING_AT_MOST):
        yield producer
