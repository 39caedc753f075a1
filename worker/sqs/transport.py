"""kombu's SQS transport with receiving and acknowledging of our own.

What is overridden here is private to kombu 5.7.0 in part; ``tests/unit/test_contracts.py``
names every piece this builds on and fails when kombu changes one.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections import deque
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any, ClassVar, Final

from kombu.transport import SQS, TRANSPORT_ALIASES, virtual
from kombu.utils.json import loads

from worker.outcomes import DONE, Outcome, Verdict
from worker.payloads.pointer import CONTENT_TYPE
from worker.payloads.store import Store
from worker.sqs.client import Sqs
from worker.sqs.engine import Engine
from worker.sqs.errors import Trouble, trouble
from worker.sqs.observer import UNOBSERVED, Observer
from worker.sqs.outgoing import Outgoing, outgoing
from worker.sqs.publish_batch import PublishBatch

if TYPE_CHECKING:
    from worker.fleet import Fleet
    from worker.sqs.ledger import Held

#: The URL scheme, and the key under which the manifest travels in ``transport_options``.
SCHEME: Final = "fleet-sqs"
OPTION: Final = "fleet"

#: A producer's sends are tried this often before the error is the caller's.
SEND_ATTEMPTS: Final = 5


def register() -> None:
    """Make kombu know the scheme."""
    TRANSPORT_ALIASES[SCHEME] = "worker.sqs.transport:Transport"


class LoopCalls:
    """Calls from any thread onto kombu's event loop.

    Over a socket of its own that the loop reads: without one, under threads and solo, the loop
    would have nothing to wait for and look round every tenth of a second.
    """

    def __init__(self, hub: Any) -> None:
        self._calls: deque[Callable[[], None]] = deque()
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        hub.add_reader(self._reader, self._run)

    def __call__(self, call: Callable[[], None]) -> None:
        """Have the event loop make a call."""
        self._calls.append(call)
        with contextlib.suppress(BlockingIOError):  # then it has enough to wake up for
            self._writer.send(b"\0")

    def _run(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._reader.recv(4096)
        while self._calls:
            self._calls.popleft()()


class QueueMissing(Exception):
    """A queue of the manifest is not there; the text names the remedy."""


class Message(virtual.Message):
    """A message given to Celery; carries what is held of it and how its run ended."""

    verdict: Verdict = DONE

    def __init__(self, payload: Any, channel: Any = None, **kwargs: Any) -> None:
        super().__init__(payload, channel=channel, **kwargs)
        engine: Engine | None = channel.engine
        self.held: Held | None = engine.ledger.get(self.delivery_tag) if engine else None
        if self.content_type == CONTENT_TYPE:
            # The arguments are fetched by the process that runs the task, never here.
            self._decoded_cache: Any = ([], {}, loads(self.body)["embed"] or {})


class Channel(SQS.Channel):
    """A channel whose consumer is an ``Engine``; producers use kombu's own way."""

    Message = Message
    #: kombu's SQS flavour adds backoff by receive count, which the leases replace.
    QoS = virtual.QoS
    #: At exit the drain has handed back what was held; kombu would send it anew.
    do_restore = False

    engine: Engine | None = None

    @property
    def _fleet(self) -> Fleet:
        fleet: Fleet = self.transport_options[OPTION]
        return fleet

    # -- queues: those of the manifest, looked up when first needed ------------------------------

    @property
    def predefined_queues(self) -> dict[str, dict[str, str]]:
        """Every queue of the manifest; kombu creates none and lists none while there are some."""
        return {name: {"url": name} for name in self._fleet.queues}

    def _update_queue_cache(self, queue_name_prefix: str) -> None:
        """Look nothing up in advance."""

    def _resolve_queue_url(self, queue: str) -> str:
        return self._url(self._fleet.physical_name(queue))

    def _url(self, name: str) -> str:
        sqs: Sqs = self.connection.sqs
        try:
            return sqs.queue_url(name)
        except Exception as error:
            if trouble(error) is Trouble.NO_QUEUE:
                raise QueueMissing(
                    f"queue {name}: expected in SQS, not found there: "
                    "create it with `ops queues apply --yes`"
                ) from None
            raise

    def queue_declare(self, queue: str | None = None, **_: object) -> Any:
        """Declare nothing: queues are made by ``ops queues apply``, and asked nothing here."""
        return virtual.base.queue_declare_ok_t(queue, 0, 0)

    def sqs(self, queue: str | None = None) -> Any:
        """Return the client that sends."""
        return self.connection.sqs.client()

    # -- producing ---------------------------------------------------------------------------

    def prepare(self, queue: str, message: dict[str, Any]) -> Outgoing:
        """Return what SQS is sent for a message. Raises ``MessageTooLarge``.

        What SQS is too small for may go to S3, which raises ``PayloadUnavailable`` and
        ``PayloadRefused``.
        """
        put = self.connection.payloads.put
        return outgoing(self._fleet, queue, message, time.time(), put)

    def _put(
        self,
        queue: str,
        message: dict[str, Any],
        batch: PublishBatch | None = None,
        **_: object,
    ) -> None:
        """Send a message, or add it to kombu's batch.

        Raises ``QueueMissing``, boto3's errors and what ``prepare`` raises.
        """
        sent = self.prepare(queue, message)
        if batch is not None:
            batch.add(str(message["headers"].get("id")), sent)
            return
        self.sqs().send_message(QueueUrl=self._url(sent.queue), **sent.entry)

    def create_publish_batch(self, max_size: int) -> PublishBatch:
        """Return what ``Producer.batch()`` collects its messages in."""
        return PublishBatch(self, self.connection.unretried, self._url, max_size)

    # -- consuming ---------------------------------------------------------------------------

    def _schedule_queue(self, queue: str) -> None:
        """Start receiving. kombu calls this from the event loop once a consumer is there."""
        if self.engine is not None or self.connection.closed or queue not in self._active_queues:
            return
        engine = self.engine = Engine(
            self._fleet,
            self._fleet.queue(queue),
            Sqs(self._fleet),
            deliver=lambda held, payload: self._give(queue, held, payload),
            call_soon=LoopCalls(self.hub),
            rng=Random(),  # noqa: S311
            observer=self.connection.observer,
        )
        self.connection.engine = engine
        if self.connection.first_hold is not None:
            engine.poller.hold(self.connection.first_hold)
        engine.start(self.qos.prefetch_count)

    def _give(self, queue: str, held: Held, payload: dict[str, Any]) -> None:
        callback = self.connection._callbacks.get(queue)
        if callback is None:
            assert self.engine is not None  # noqa: S101
            self.engine.settle(held, Verdict(Outcome.NOT_STARTED))
            return
        callback(payload)

    def basic_qos(
        self, prefetch_size: int = 0, prefetch_count: int = 0, apply_global: bool = False
    ) -> None:
        """Take Celery's prefetch count as the number of slots."""
        super().basic_qos(prefetch_size, prefetch_count, apply_global)
        if self.engine is not None:
            self.engine.resize(prefetch_count)

    def basic_ack(self, delivery_tag: int, multiple: bool = False) -> None:
        """End a message by its verdict, which is "done" unless the run said otherwise."""
        self._settle(delivery_tag, None)

    def basic_reject(self, delivery_tag: int, requeue: bool = False) -> None:
        """End a message by its verdict; rejected or requeued if the run left none."""
        self._settle(delivery_tag, Outcome.REQUEUED if requeue else Outcome.REJECTED)

    def _settle(self, delivery_tag: int, otherwise: Outcome | None) -> None:
        try:
            message = self.qos.get(delivery_tag)
        except KeyError:
            return
        self.qos.ack(delivery_tag)
        if self.engine is None or message.held is None:
            return
        verdict = message.verdict
        if otherwise is not None and verdict is DONE:
            verdict = Verdict(otherwise)
        self.engine.settle(message.held, verdict)


class Transport(SQS.Transport):
    """kombu's SQS transport, under the scheme ``fleet-sqs``."""

    Channel: ClassVar[type] = Channel
    driver_type = "fleet-sqs"
    driver_name = "fleet-sqs"
    implements = SQS.Transport.implements.extend(batch_publish=True)

    def __init__(self, client: Any, **kwargs: Any) -> None:
        super().__init__(client, **kwargs)
        fleet: Fleet = client.transport_options[OPTION]
        self.sqs = Sqs(fleet, send_attempts=SEND_ATTEMPTS)
        #: for who tries again by himself
        self.unretried = Sqs(fleet)
        #: where arguments go that are too large for SQS
        self.payloads = Store(fleet, Random())  # noqa: S311
        #: the consumer's engine, for the warden that governs it
        self.engine: Engine | None = None
        #: who is told of the messages of an engine still to come
        self.observer: Observer = UNOBSERVED
        #: why an engine still to come opens no poll at first, until the warden lets it
        self.first_hold: str | None = None
        #: set by the warden when nothing more may be received
        self.closed = False

    def without_reconnects(self) -> None:
        """Let no error of the network restart the consumer that uses this connection.

        Polling, renewing and acknowledging recover by themselves, in threads; a restart would
        only forget what is held. Producers keep kombu's list, for Celery's publish retries.
        """
        self.connection_errors: tuple[type[BaseException], ...] = (QueueMissing,)
        self.channel_errors: tuple[type[BaseException], ...] = (QueueMissing,)
