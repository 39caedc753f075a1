"""Long polls: who is woken when, and what a poll that nobody listens to does."""

from __future__ import annotations

import asyncio
import http.client
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from tests.sqs import Control, StrictSqs
from tests.sqs.attributes import QueueAttributes
from tests.sqs.callers import (
    entries,
    good_headers,
    make_client,
    name_of,
    new_queue,
    receive,
    send_all,
)
from tests.sqs.clock import Clock
from tests.sqs.message import Message
from tests.sqs.polls import Poll as OpenPoll
from tests.sqs.queue import Queue, Settings

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

Poll = Callable[[str], "Future[tuple[list[Any], float]]"]


@pytest.fixture
def poll(server: StrictSqs) -> Iterator[Poll]:
    """Start a 20 s long poll and return once it is open; its messages and when they came."""
    with ThreadPoolExecutor() as threads:

        def ask(url: str) -> tuple[list[Any], float]:
            messages = receive(make_client(server.url), url, WaitTimeSeconds=20)
            return messages, time.monotonic()

        def start(url: str) -> Future[tuple[list[Any], float]]:
            before = server.control.counts(name_of(url)).open_polls
            future = threads.submit(ask, url)
            server.control.wait_for(name_of(url), lambda counts: counts.open_polls > before)
            return future

        yield start


# Far above what it takes (about a millisecond), far below the 20 s of the poll.
_PROMPT_SECONDS = 2.0


def test_a_sent_message_wakes_a_poll(sqs: SQSClient, poll: Poll) -> None:
    url = new_queue(sqs)
    waiting = poll(url)
    sent_at = time.monotonic()
    send_all(sqs, url, "x")
    messages, at = waiting.result(10)
    assert [message["Body"] for message in messages] == ["x"]
    assert at - sent_at < _PROMPT_SECONDS


def test_visibility_zero_wakes_a_poll(sqs: SQSClient, poll: Poll) -> None:
    url = new_queue(sqs)
    send_all(sqs, url, "x")
    (message,) = receive(sqs, url)
    waiting = poll(url)
    sent_at = time.monotonic()
    sqs.change_message_visibility(
        QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
    )
    messages, at = waiting.result(10)
    assert [found["MessageId"] for found in messages] == [message["MessageId"]]
    assert at - sent_at < _PROMPT_SECONDS


def test_the_end_of_a_delay_wakes_a_poll(sqs: SQSClient, poll: Poll) -> None:
    url = new_queue(sqs)
    sqs.send_message(QueueUrl=url, MessageBody="x", DelaySeconds=1)
    sent_at = time.monotonic()
    messages, at = poll(url).result(10)
    assert len(messages) == 1
    assert at - sent_at < 1 + _PROMPT_SECONDS


@pytest.mark.parametrize("hidden_by", ["delay", "visibility"])
def test_turning_the_clock_wakes_a_poll(
    sqs: SQSClient, control: Control, poll: Poll, hidden_by: str
) -> None:
    url = new_queue(sqs)
    sqs.send_message(QueueUrl=url, MessageBody="x", DelaySeconds=300 if hidden_by == "delay" else 0)
    if hidden_by == "visibility":
        receive(sqs, url, VisibilityTimeout=300)
    waiting = poll(url)
    turned_at = time.monotonic()
    control.advance(301)
    messages, at = waiting.result(10)
    assert len(messages) == 1
    assert at - turned_at < _PROMPT_SECONDS


def test_polls_are_served_one_message_each(sqs: SQSClient, control: Control, poll: Poll) -> None:
    url = new_queue(sqs)
    waiting = [poll(url) for _ in range(3)]
    sqs.send_message_batch(QueueUrl=url, Entries=entries(*"abcd"))
    received = [future.result(10)[0] for future in waiting]
    assert sorted(messages[0]["Body"] for messages in received) == ["a", "b", "c"]
    assert [len(messages) for messages in received] == [1, 1, 1]
    assert control.counts(name_of(url)).visible == 1


def test_a_deleted_queue_ends_its_polls(sqs: SQSClient, poll: Poll) -> None:
    url = new_queue(sqs)
    waiting = poll(url)
    sqs.delete_queue(QueueUrl=url)
    with pytest.raises(Exception, match="NonExistentQueue"):
        waiting.result(10)


def hang_up_on_a_long_poll(server: StrictSqs, url: str, wait_seconds: int = 20) -> None:
    """Open a long poll, wait until it is known to the server, and close the connection."""
    address = urlsplit(server.url)
    caller = http.client.HTTPConnection(address.hostname or "", address.port)
    body = json.dumps({"QueueUrl": url, "WaitTimeSeconds": wait_seconds})
    caller.request("POST", "/", body, good_headers("ReceiveMessage"))
    server.control.wait_for(name_of(url), lambda counts: counts.open_polls == 1)
    caller.close()
    server.control.wait_for(name_of(url), lambda counts: counts.closed_polls == 1)


def test_hanging_up_hides_the_next_message(server: StrictSqs, sqs: SQSClient) -> None:
    """Seen on SQS (aws-sdk-js issue 2350, aws-sdk-java issue 2083): the poll goes on without its
    caller, and what it receives stays hidden for the visibility timeout.
    """
    url = new_queue(sqs, VisibilityTimeout="40")
    hang_up_on_a_long_poll(server, url)
    send_all(sqs, url, "lost", "next")
    assert [message["Body"] for message in receive(sqs, url)] == ["next"]
    counts = server.control.counts(name_of(url))
    assert (counts.received_by_closed_polls, counts.in_flight) == (1, 2)
    server.control.advance(41)
    bodies = [message["Body"] for message in receive(sqs, url, MaxNumberOfMessages=10)]
    assert sorted(bodies) == ["lost", "next"]


def test_hanging_up_is_harmless_where_that_is_switched_off(
    server: StrictSqs, sqs: SQSClient
) -> None:
    server.control.configure(hang_up_hides=False)
    url = new_queue(sqs)
    hang_up_on_a_long_poll(server, url)
    send_all(sqs, url, "x")
    assert [message["Body"] for message in receive(sqs, url)] == ["x"]
    assert server.control.counts(name_of(url)).received_by_closed_polls == 0


def test_a_poll_whose_time_is_over_hides_nothing(server: StrictSqs, sqs: SQSClient) -> None:
    url = new_queue(sqs)
    hang_up_on_a_long_poll(server, url, wait_seconds=1)
    server.control.wait_for(name_of(url), lambda counts: counts.closed_polls == 0)
    send_all(sqs, url, "x")
    assert [message["Body"] for message in receive(sqs, url)] == ["x"]


def test_a_poll_whose_time_is_over_takes_nothing_with_it() -> None:
    """Its time may run out in the same turn of the loop in which a message appears."""

    async def turn() -> list[int]:
        queue = Queue("q", "arn:aws:sqs:eu-west-1:1:q", Clock(), Settings(), QueueAttributes())
        over, waiting = OpenPoll(1, 30, lambda: True), OpenPoll(1, 30, lambda: True)
        queue.wait(over)
        queue.wait(waiting)
        over.finish([])
        queue.send(Message("body", "sender", queue.clock.now()), 0)
        queue.dispatch()
        return [len(await over.answer), len(await waiting.answer)]

    assert asyncio.run(turn()) == [0, 1]
