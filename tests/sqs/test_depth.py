"""A deep queue costs no more than a shallow one."""

from __future__ import annotations

import asyncio
import statistics
import time

import pytest

from tests.sqs.attributes import QueueAttributes
from tests.sqs.clock import Clock
from tests.sqs.message import Message
from tests.sqs.queue import Queue, Settings


def queue_of(depth: int) -> Queue:
    """A queue with this many messages, a third of them in flight and a third delayed."""
    clock = Clock()
    queue = Queue("deep", "arn:aws:sqs:eu-west-1:1:deep", clock, Settings(), QueueAttributes())
    for _ in range(depth):
        queue.send(Message("x", "sender", clock.now()), delay_seconds=0)
        queue.send(Message("x", "sender", clock.now()), delay_seconds=0)
        queue.send(Message("x", "sender", clock.now()), delay_seconds=600)
    while queue.counts()["in_flight"] < depth:
        queue.receive(10, 3600)
    return queue


def seconds_a_receive(queue: Queue) -> float:
    """The median of one receive, one renewal and one delete."""
    samples = []
    for _ in range(200):
        queue.send(Message("x", "sender", queue.clock.now()), delay_seconds=0)
        started = time.perf_counter()
        (message,) = queue.receive(1, 30)
        assert message.receipt_handle is not None
        queue.change_visibility(message.receipt_handle, 60)
        queue.delete(message.receipt_handle)
        queue.counts()
        samples.append(time.perf_counter() - started)
    return statistics.median(samples)


def test_a_receive_costs_the_same_at_20_000_as_at_20() -> None:
    """A scan of the messages would cost hundreds of times more; ten leaves room for caches."""
    shallow, deep = queue_of(20), queue_of(20_000)
    assert seconds_a_receive(deep) < 10 * seconds_a_receive(shallow)


def test_renewing_without_end_keeps_nothing() -> None:
    """Renewals leave entries behind in the heap; they must not pile up."""
    queue = queue_of(20)
    queue.send(Message("x", "sender", queue.clock.now()), delay_seconds=0)
    (message,) = [m for m in queue.receive(10, 40_000) if m.receipt_handle is not None][:1]
    assert message.receipt_handle is not None
    for _ in range(10_000):
        queue.change_visibility(message.receipt_handle, 40_000)
    assert len(queue._due._heap) <= 2048


@pytest.mark.parametrize("waiting", [1, 50])
def test_polls_that_end_unanswered_leave_nothing(waiting: int) -> None:
    from tests.sqs.polls import Poll

    async def scenario() -> int:
        queue = queue_of(0)
        polls = [Poll(1, 30, lambda: True) for _ in range(waiting)]
        for poll in polls:
            queue.wait(poll)
        for poll in polls:
            poll.finish([])
            queue.leave(poll)
        return len(queue.open_polls)

    assert asyncio.run(scenario()) == 0
