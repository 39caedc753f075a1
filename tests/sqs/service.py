"""The actions by name, and the one place that carries them out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tests.sqs.batch_actions import BatchActions
from tests.sqs.call import Call, Result
from tests.sqs.errors import SqsError
from tests.sqs.message_actions import MessageActions
from tests.sqs.queue_actions import QueueActions
from tests.sqs.registry import Registry

Action = Callable[[Call], Result | Awaitable[Result]]


class Service:
    """SQS without HTTP: calls in, results out."""

    def __init__(self, registry: Registry) -> None:
        queues = QueueActions(registry)
        messages = MessageActions(registry)
        batches = BatchActions(messages)
        self._actions: dict[str, Action] = {
            "CreateQueue": queues.create_queue,
            "GetQueueUrl": queues.get_queue_url,
            "DeleteQueue": queues.delete_queue,
            "ListQueues": queues.list_queues,
            "GetQueueAttributes": queues.get_queue_attributes,
            "SetQueueAttributes": queues.set_queue_attributes,
            "TagQueue": queues.tag_queue,
            "UntagQueue": queues.untag_queue,
            "ListQueueTags": queues.list_queue_tags,
            "PurgeQueue": queues.purge_queue,
            "SendMessage": messages.send_message,
            "SendMessageBatch": batches.send_message_batch,
            "ReceiveMessage": messages.receive_message,
            "DeleteMessage": messages.delete_message,
            "DeleteMessageBatch": batches.delete_message_batch,
            "ChangeMessageVisibility": messages.change_message_visibility,
            "ChangeMessageVisibilityBatch": batches.change_message_visibility_batch,
        }

    async def perform(self, call: Call) -> Result:
        """Carry a call out. Raises :class:`SqsError`."""
        action = self._actions.get(call.action)
        if action is None:
            raise SqsError("UnsupportedOperation", f"{call.action}: not modelled by this server.")
        result = action(call)
        return result if isinstance(result, dict) else await result
