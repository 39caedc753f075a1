"""What the transport builds on in kombu, run for real (``test_contracts`` pins the pieces)."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from kombu import Connection
from kombu.asynchronous.hub import Hub, set_event_loop
from kombu.transport import resolve_transport, virtual
from kombu.transport.SQS.exceptions import UndefinedQueueException

from worker.fleet import Fleet
from worker.sqs import transport
from worker.sqs.transport import LoopCalls

# -- behaviour ---------------------------------------------------------------------------------


class Recorder(transport.Channel):
    """A channel of ours that notes what kombu asks of it instead of polling or sending."""

    asked: list[Any]

    def _schedule_queue(self, queue: str) -> None:
        self.__dict__.setdefault("asked", []).append(("poll", queue))

    def _put(self, queue: str, message: Any, **_: Any) -> None:
        self.__dict__.setdefault("asked", []).append(("send", queue))


class RecorderTransport(transport.Transport):
    Channel = Recorder


@pytest.fixture
def hub() -> Iterator[Hub]:
    loop = Hub()
    set_event_loop(loop)
    yield loop
    loop.close()
    set_event_loop(None)


@pytest.fixture
def channel(hub: Hub) -> Iterator[Recorder]:
    fleet = Fleet.model_validate(
        {"name": "acme", "queues": {"video": {"tasks": ["video.*"]}}, "imports": []}
    )
    options = {transport.OPTION: fleet}
    connection = Connection(transport=RecorderTransport, transport_options=options)
    yield connection.channel()
    connection.release()


def _payload(tag: int) -> dict[str, Any]:
    return {
        "body": "[[], {}, {}]",
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": {"task": "video.cut", "id": "1"},
        "properties": {"delivery_tag": tag, "delivery_info": {}},
    }


def test_the_scheme_is_ours() -> None:
    transport.register()
    assert resolve_transport(transport.SCHEME) is transport.Transport
    assert transport.Transport.implements.asynchronous


def test_consuming_asks_for_polling_once_and_sends_nothing(channel: Recorder, hub: Hub) -> None:
    channel.basic_consume("video", False, lambda _: None, "tag")
    assert channel._active_queues == ["video"]
    hub.run_once()
    hub.run_once()
    assert channel.asked == [("poll", "video")]


def test_a_delivery_is_our_message_under_our_tag(channel: Recorder) -> None:
    got: list[Any] = []
    channel.basic_consume("video", False, got.append, "tag")
    channel.connection._callbacks["video"](_payload(7))
    (message,) = got
    assert isinstance(message, transport.Message)
    assert (message.delivery_tag, message.payload) == (7, [[], {}, {}])
    assert channel.qos.get(7) is message
    message.ack()
    assert message.acknowledged
    channel.qos.append(message, 8)  # what was acknowledged is forgotten with the next delivery
    with pytest.raises(KeyError):
        channel.qos.get(7)


def test_a_cancelled_consumer_has_no_callback(channel: Recorder) -> None:
    channel.basic_consume("video", False, lambda _: None, "tag")
    channel.basic_cancel("tag")
    assert channel.connection._callbacks == {}
    assert channel._active_queues == []


def test_closing_with_messages_held_sends_nothing(channel: Recorder) -> None:
    channel.basic_consume("video", False, lambda _: None, "tag")
    channel.connection._callbacks["video"](_payload(7))
    channel.close()
    assert getattr(channel, "asked", []) == []


def test_the_slots_are_the_prefetch_count(channel: Recorder) -> None:
    channel.basic_qos(0, 3, False)
    assert type(channel.qos) is virtual.QoS
    assert channel.qos.prefetch_count == 3


def test_a_worker_creates_deletes_and_counts_no_queue(channel: Recorder) -> None:
    with pytest.raises(UndefinedQueueException):
        channel._create_queue("other", {})
    assert channel._delete("video") is None
    assert channel.queue_declare("video", passive=True) == ("video", 0, 0)


def _turn_until(hub: Hub, condition: threading.Event, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition.is_set() and time.monotonic() < deadline:
        hub.run_once()
    assert condition.is_set()


@pytest.mark.parametrize("way", ["call_soon", "LoopCalls"])
def test_a_call_from_another_thread_wakes_the_loop(hub: Hub, way: str) -> None:
    """The loop waits up to a second for its next event; ten calls in a row must not."""
    calls = LoopCalls(hub)
    schedule = hub.call_soon if way == "call_soon" else calls
    threads: list[int] = []
    waits: list[float] = []
    done = threading.Event()

    def caller() -> None:
        for _ in range(10):
            time.sleep(0.02)  # let the loop go to wait again
            came = threading.Event()
            began = time.monotonic()
            schedule(lambda came=came: (threads.append(threading.get_ident()), came.set()))
            came.wait(20)
            waits.append(time.monotonic() - began)
        done.set()
        hub.call_soon(lambda: None)

    other = threading.Thread(target=caller)
    other.start()
    _turn_until(hub, done)
    other.join()
    assert set(threads) == {threading.get_ident()}
    assert sorted(waits)[len(waits) // 2] < 0.5
