"""Publishing tasks in bulk: ten a request, several requests at a time, in bounded memory."""

from worker.publish.batching import batching
from worker.publish.bulk import bulk
from worker.publish.items import Call, Interrupted, Refusal, Report, Stopped, WrongItem
from worker.sqs.publish_batch import BatchUnsent

__all__ = [
    "BatchUnsent",
    "Call",
    "Interrupted",
    "Refusal",
    "Report",
    "Stopped",
    "WrongItem",
    "batching",
    "bulk",
]
