"""Celery's own way to a message, caught where it would be sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from celery.signals import after_task_publish
from kombu import Producer
from kombu.serialization import dumps

from worker.publish.items import Call
from worker.publish.target import Target
from worker.sqs import transport
from worker.sqs.outgoing import Outgoing


class _Caught(BaseException):
    """Ends Celery's sending where the message is ready: nothing of what follows has happened.

    No ``Exception``, so that no handler on the way takes it for a broker's error.
    """

    def __init__(self, prepared: Prepared) -> None:
        self.prepared = prepared


@dataclass(frozen=True, slots=True)
class Prepared:
    """A task's message, ready to be sent, and what is told of it once it is."""

    outgoing: Outgoing
    body: Any
    headers: Mapping[str, Any]
    properties: Mapping[str, Any]
    serializer: str
    exchange: str
    routing_key: str

    @property
    def task_id(self) -> str:
        """The task's id."""
        return str(self.headers["id"])

    def announce(self) -> None:
        """Send ``after_task_publish``, as Celery does after a send."""
        after_task_publish.send(
            sender=self.headers["task"],
            body=self.body,
            headers=self.headers,
            exchange=self.exchange,
            routing_key=self.routing_key,
        )


class _Channel(transport.Channel):
    """A channel that sends nothing: it answers with what SQS would have been sent."""

    #: the properties of the last message, as they were before SQS's own were taken out
    properties: Mapping[str, Any]

    def _put(self, queue: str, message: dict[str, Any], *_: object, **__: object) -> Any:
        self.properties = dict(message["properties"])
        return self.prepare(queue, message)


class CatchingProducer(Producer):
    """A producer that turns what it is to publish into a ``Prepared``."""

    def publish(self, body: Any, **given: Any) -> Any:
        """Catch a message."""
        # Queues are not declared on SQS, and there is no connection to lose and retry on.
        outgoing = super().publish(body, **{**given, "declare": None, "retry": False})
        if not isinstance(outgoing, Outgoing):
            raise TypeError(
                f"expected a queue to publish to, found the exchange {given['exchange']!r}: "
                "give queue= instead"
            )
        raise _Caught(
            Prepared(
                outgoing,
                body,
                given["headers"],
                self.channel.properties,
                given["serializer"],
                given["exchange"],
                given["routing_key"],
            )
        )

    def like(self, made: Prepared, body: Any, headers: dict[str, Any]) -> Prepared:
        """Return the message that ``publish`` would make as it made another, uncompressed one."""
        content_type, content_encoding, encoded = dumps(body, serializer=made.serializer)
        message = {
            "body": encoded,
            "content-encoding": content_encoding,
            "content-type": content_type,
            "headers": headers,
            "properties": {
                **made.properties,
                "correlation_id": headers["id"],
                "delivery_info": {},
            },
        }
        outgoing = self.channel.basic_publish(message, made.exchange, made.routing_key)
        return Prepared(
            outgoing,
            body,
            headers,
            made.properties,
            made.serializer,
            made.exchange,
            made.routing_key,
        )


class Maker:
    """Makes the messages of one bulk, each by Celery's own ``apply_async``."""

    def __init__(
        self, target: Target, options: Mapping[str, Any], transport_: transport.Transport
    ) -> None:
        self._target = target
        self._options = options
        channel = _Channel(transport_)
        #: what catches Celery's messages
        self.producer = CatchingProducer(channel)
        #: the URL of the queue with a physical name; raises ``QueueMissing``
        self.url_of: Callable[[str], str] = channel._url

    def make(self, call: Call) -> Prepared | Any:
        """Return the message of a call; the result itself where ``task_always_eager`` ran it.

        Raises what ``apply_async`` raises, and ``MessageTooLarge``.
        """
        try:
            return self._target.apply(
                call.args,
                call.kwargs,
                task_id=call.task_id,
                producer=self.producer,
                **self._options,
            )
        except _Caught as caught:
            return caught.prepared
