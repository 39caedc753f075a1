"""What the transport builds on in kombu: named, pinned, and run for real where it matters.

A failure here means that kombu changed under us: read what the message names before anything else.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kombu
import pytest
from kombu import Connection
from kombu.asynchronous.hub import Hub, set_event_loop
from kombu.transport import SQS, resolve_transport, virtual
from kombu.transport.SQS.exceptions import UndefinedQueueException

from tests import contracts
from worker.fleet import Fleet
from worker.sqs import transport
from worker.sqs.transport import LoopCalls

REPOSITORY = Path(__file__).resolve().parents[2]
CONTRACT = Path(__file__).parent / "contracts" / "kombu.toml"
PIECES = contracts.load(CONTRACT)


def test_the_version_is_the_one_the_contract_is_for() -> None:
    assert kombu.__version__ == "5.7.0", "review tests/unit/contracts/kombu.toml with the new one"


@pytest.mark.parametrize("piece", PIECES, ids=[piece.path for piece in PIECES])
def test_a_piece_is_as_expected(piece: contracts.Piece) -> None:
    assert piece.broken() is None


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(transport.Channel, SQS.Channel), (transport.Transport, SQS.Transport)],
)
def test_every_method_overridden_is_in_the_contract(ours: type, theirs: type) -> None:
    paths = {piece.path for piece in PIECES}
    overridden = {name for name in vars(ours) if callable(getattr(theirs, name, None))}
    overridden = {name for name in overridden if not isinstance(vars(ours)[name], type)}
    for name in overridden - {"__init_subclass__"}:
        owner = next(cls for cls in theirs.__mro__ if name in vars(cls))
        module = owner.__module__.removesuffix(".__init__")
        assert f"{module}:{owner.__name__}.{name}" in paths


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (
            "    def _schedule_queue(self, queue):\n",
            "    def _schedule_queue(self, queue, now=False):\n",
            "kombu.transport.SQS:Channel._schedule_queue takes (self, queue, now=), expected",
        ),
        ("def _resolve_queue_url(", "def _find_queue_url(", "_resolve_queue_url is gone"),
        (
            "self.hub.call_soon(self._schedule_queue, queue)\n        return super()",
            "self.hub.call_later(1, self._schedule_queue, queue)\n        return super()",
            "kombu.transport.SQS:Channel.basic_consume has another source",
        ),
    ],
)
def test_a_kombu_with_a_changed_private_method_breaks_the_contract(
    tmp_path: Path, before: str, after: str, said: str
) -> None:
    installed = Path(kombu.__file__).parent
    shutil.copytree(installed, tmp_path / "kombu", ignore=shutil.ignore_patterns("__pycache__"))
    changed = tmp_path / "kombu/transport/SQS/__init__.py"
    text = changed.read_text()
    assert before in text
    changed.write_text(text.replace(before, after, 1))
    ran = subprocess.run(
        [sys.executable, "-m", "tests.contracts", str(CONTRACT)],
        cwd=REPOSITORY,
        env={"PYTHONPATH": f"{tmp_path}:{REPOSITORY}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 1, ran.stderr
    assert said in ran.stdout
    assert "worker/sqs/transport.py" in ran.stdout


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
