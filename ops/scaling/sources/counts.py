"""SQS's counts of a queue: one GetQueueAttributes each tick, and nothing else."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from ops.scaling.model import Counts, Reading
from ops.scaling.sources.troubles import trouble

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeFilterType

SOURCE: Final = "sqs:GetQueueAttributes"
_VISIBLE: Final = "ApproximateNumberOfMessages"
_IN_FLIGHT: Final = "ApproximateNumberOfMessagesNotVisible"
_DELAYED: Final = "ApproximateNumberOfMessagesDelayed"
_ASKED: Final[Sequence[QueueAttributeFilterType]] = (_VISIBLE, _IN_FLIGHT, _DELAYED)


class QueueCounts:
    """Reads the counts of queues by their physical names; safe between threads."""

    def __init__(self, client: SQSClient) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._asked = False
        self._prefix: str | None = None

    def read(self, name: str, now: float) -> Reading[Counts]:
        """Return the counts of a queue; a queue that is not there is `absent`."""
        doing = "sqs:GetQueueUrl"
        try:
            url = self._url(name)
            doing = SOURCE
            answer = self._client.get_queue_attributes(QueueUrl=url, AttributeNames=_ASKED)
            found = answer["Attributes"]
            counts = Counts(
                visible=int(found[_VISIBLE]),
                in_flight=int(found[_IN_FLIGHT]),
                delayed=int(found[_DELAYED]),
            )
        except Exception as error:  # one queue's answer must not cost the others theirs
            why = trouble(error, doing)
            if why.startswith("absent: "):
                why = f"absent: no queue {name} in SQS: create it with ops queues apply --yes"
            return Reading(None, now, doing, why)
        return Reading(counts, now, SOURCE)

    def begin(self) -> None:
        """Begin a tick: where no URL is known yet, its first queue is asked for again."""
        with self._lock:
            self._asked = self._prefix is not None

    def _url(self, name: str) -> str:
        """Return a queue's URL, asked for one queue and then known of all.

        A URL is `{endpoint}/{account}/{name}`, and a fleet's queues are in one account and region,
        so that the first that SQS knows tells those of all the others. The lock has the threads of
        the first tick wait for one answer instead of asking one each.
        """
        with self._lock:
            if self._prefix is None and not self._asked:
                self._asked = True
                return self._ask(name)
        return self._ask(name) if self._prefix is None else self._prefix + name

    def _ask(self, name: str) -> str:
        url: str = self._client.get_queue_url(QueueName=name)["QueueUrl"]
        prefix, slash, last = url.rpartition("/")
        if last != name:
            raise ValueError(f"the URL of {name} is {url}")
        self._prefix = prefix + slash
        return url
