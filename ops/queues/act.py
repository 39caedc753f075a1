"""Take the steps of a plan on SQS."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, cast

from ops.queues.plan import Kind, Step
from ops.steps import take_all

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType

    from ops.queues.plan import Found, Plan

# SQS asks to wait a second before a new queue is used; it has been seen to take longer.
_APPEARS_WITHIN_SECONDS = 30.0
_LOOK_AGAIN_SECONDS = 0.5

_DOING = {Kind.CREATE: "creating", Kind.CORRECT: "correcting", Kind.TAG: "tagging"}


def act(
    client: SQSClient,
    plan: Plan,
    found: Mapping[str, Found | None],
    step_begins: Callable[[str], None],
) -> None:
    """Take every step of the plan in order.

    Raises OpsError as `ops.steps.take_all` does.
    """
    take_all(
        plan.steps,
        _Actor(client, found).take,
        step_begins,
        doing=lambda step: f"{_DOING[step.kind]} {step.queue}",
        done=lambda step: f"{step.queue} {step.kind.value}",
        service=lambda _: "sqs",
    )


def _typed(attributes: dict[str, str]) -> dict[QueueAttributeNameType, str]:
    return cast("dict[QueueAttributeNameType, str]", attributes)


class _Actor:
    """Takes steps, and knows the URLs and ARNs of the queues that exist by now."""

    def __init__(self, client: SQSClient, found: Mapping[str, Found | None]) -> None:
        self._client = client
        there = {name: state for name, state in found.items() if state is not None}
        self._urls = {name: state.url for name, state in there.items()}
        self._arns = {name: state.arn for name, state in there.items()}

    def take(self, step: Step) -> None:
        attributes = dict(step.attributes)
        if step.tie is not None:
            # Some queue of the fleet exists by now: sources come after their dead-letter queues.
            tie = step.tie.tie(next(iter(self._arns.values())))
            attributes |= dict((tie,) if tie is not None else ())
        if step.kind is Kind.CREATE:
            self._create(step, attributes)
        elif step.kind is Kind.CORRECT:
            self._client.set_queue_attributes(
                QueueUrl=self._urls[step.queue], Attributes=_typed(attributes)
            )
        else:
            self._client.tag_queue(QueueUrl=self._urls[step.queue], Tags=dict(step.tags))

    def _create(self, step: Step, attributes: dict[str, str]) -> None:
        answer = self._client.create_queue(
            QueueName=step.queue, Attributes=_typed(attributes), tags=dict(step.tags)
        )
        self._urls[step.queue] = answer["QueueUrl"]
        self._arns[step.queue] = self._arn_once_there(answer["QueueUrl"])

    def _arn_once_there(self, url: str) -> str:
        """Return a new queue's ARN, waiting until SQS knows the queue everywhere it is asked."""
        deadline = time.monotonic() + _APPEARS_WITHIN_SECONDS
        while True:
            try:
                answer = self._client.get_queue_attributes(
                    QueueUrl=url, AttributeNames=["QueueArn"]
                )
            except self._client.exceptions.QueueDoesNotExist:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_LOOK_AGAIN_SECONDS)
            else:
                return answer["Attributes"]["QueueArn"]
