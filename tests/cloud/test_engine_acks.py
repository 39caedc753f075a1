"""The engine's acknowledgements on a strict SQS: batched, flushed, retried, copies first."""

from __future__ import annotations

import time
from typing import Literal

import pytest

from tests.cloud.engine_bench import DEAD_LETTERS, QUEUE, bench, wait_for
from tests.sqs import Fault
from worker.outcomes import DONE, Outcome, Reason, Verdict

FAILED = Verdict(Outcome.FAILED, Reason("ValueError", "no such user"))
DELETE = ("DeleteMessageBatch",)
SEND = ("SendMessageBatch",)


def test_deletes_go_in_batches() -> None:
    with bench(slots=10, prefetch="auto") as on:
        on.run = on.finish
        on.send(100)
        on.wait_empty()
        deletes = on.sqs.calls()
        assert deletes.entries("DeleteMessageBatch", QUEUE) == 100
        assert deletes.requests("DeleteMessageBatch", QUEUE) <= 20
        assert deletes.requests("ReceiveMessage", QUEUE) <= 20
        assert len({held.message_id for held in on.delivered}) == len(on.delivered) == 100


def test_a_slot_is_free_at_once_whatever_the_delete_takes() -> None:
    with bench(slots=1) as on:
        on.sqs.delay(2.0, DELETE)
        on.run = on.finish
        on.send(3)
        on.wait_delivered(3)
        assert on.counts().deleted == 0
        assert on.engine.ledger.occupied == 0
        on.sqs.delay(0.0, DELETE)
        on.wait_empty()


def test_a_flush_waits_for_no_company_and_for_every_answer() -> None:
    with bench(slots=3) as on:
        on.sqs.delay(0.2)
        on.send(3)
        for held in list(on.wait_delivered(3)):
            on.engine.settle(held, DONE)
        assert on.engine.acks.flush(10)
        assert on.counts().present == 0
        assert on.engine.acks.backlog == 0
        assert on.engine.ledger.held() == []


def test_a_flush_against_a_broker_that_is_down_ends_in_time_and_does_not_hammer_it() -> None:
    with bench(slots=1) as on:
        on.send()
        (held,) = on.wait_delivered(1)
        fault = on.sqs.add_fault(Fault("status", status=503, actions=DELETE))
        on.engine.settle(held, DONE)
        began = time.monotonic()
        assert not on.engine.acks.flush(1.0)
        assert 0.9 < time.monotonic() - began < 5
        # At most 0.1, 0.2, 0.4, 0.8 s apart at first.
        assert 1 <= on.sqs.struck(fault) <= 8
        on.sqs.clear_faults()
        assert on.engine.acks.flush(10)
        assert on.counts().present == 0


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", status=503, actions=DELETE, calls=2),
        Fault("error", code="ThrottlingException", actions=DELETE, calls=2),
        Fault("error", code="ExpiredToken", actions=DELETE, calls=2),
        Fault("malformed", actions=DELETE, calls=2),
        Fault("reset", actions=DELETE, calls=2),
        Fault("entries", code="InternalError", entries=2, actions=DELETE, calls=2),
    ],
    ids=lambda fault: fault.code if fault.kind in ("error", "entries") else str(fault.kind),
)
def test_a_delete_is_tried_again_after_a_fault(fault: Fault) -> None:
    with bench(slots=4) as on:
        number = on.sqs.add_fault(fault)
        on.run = on.finish
        on.send(4)
        on.wait_empty()
        wait_for(lambda: on.engine.acks.backlog == 0, "every answer")
        assert on.sqs.struck(number) == fault.calls
        assert len(on.delivered) == on.counts().received == 4
        assert on.engine.acks.stale_total == 0
        assert on.engine.ledger.held() == []


def test_what_fails_is_copied_before_it_is_deleted() -> None:
    with bench() as on:
        on.sqs.record_calls()
        on.run = lambda held: on.settle(held, FAILED)
        on.send()
        on.wait_empty()
        calls = [call.action for call in on.sqs.call_records()]
        assert calls.index("SendMessageBatch", calls.index("ReceiveMessage")) < calls.index(
            "DeleteMessageBatch"
        )
        (reason,) = on.reasons()
        assert (reason["class"], reason["message"]) == ("ValueError", "no such user")
        assert (reason["task"], reason["id"], reason["receives"]) == ("work.do", "task-0", 1)


@pytest.mark.parametrize(
    "fault",
    [
        Fault("error", code="AccessDenied", queues=(DEAD_LETTERS,), actions=SEND),
        Fault("entries", code="InternalError", queues=(DEAD_LETTERS,), actions=SEND),
        Fault("error", code="AWS.SimpleQueueService.NonExistentQueue", actions=("GetQueueUrl",)),
    ],
    ids=["denied", "entries fail", "no dead-letter queue"],
)
def test_nothing_is_deleted_whose_copy_failed(fault: Fault) -> None:
    with bench() as on:
        wait_for(lambda: on.counts().open_polls == 1, "the queue's own URL to be known")
        number = on.sqs.add_fault(fault)
        on.run = lambda held: on.settle(held, FAILED)
        on.send(3)
        wait_for(lambda: on.sqs.struck(number) >= 2, "copies that fail")
        assert on.counts().in_flight == 3  # held on to, and their leases renewed
        assert on.counts().deleted == 0
        assert on.sqs.counts(DEAD_LETTERS).present == 0
        on.sqs.clear_faults()
        on.wait_empty()
        assert len(on.reasons()) == 3


def test_of_a_batch_only_what_was_not_copied_is_copied_again() -> None:
    with bench(slots=5) as on:
        on.sqs.add_fault(
            Fault(
                "entries",
                code="InternalError",
                queues=(DEAD_LETTERS,),
                actions=SEND,
                entries=2,
                calls=1,
            )
        )
        on.run = lambda held: on.settle(held, FAILED)
        on.send(5)
        on.wait_empty()
        ids = [reason["message_id"] for reason in on.reasons()]
        assert sorted(ids) == sorted(held.message_id for held in on.delivered)


def test_failures_are_deleted_without_a_copy_where_the_manifest_drops_them() -> None:
    with bench(on_failure="drop") as on:
        on.run = lambda held: on.settle(held, FAILED)
        on.send(3)
        on.wait_empty()
        assert on.counts().deleted == 3
        assert on.sqs.counts(DEAD_LETTERS).present == 0


def test_a_refused_batch_is_copied_singly_and_a_refused_reason_goes_without() -> None:
    with bench(slots=3) as on:
        on.sqs.add_fault(
            Fault("error", code="InvalidMessageContents", queues=(DEAD_LETTERS,), actions=SEND,
                  calls=2)
        )  # fmt: skip
        on.send(3)
        held = list(on.wait_delivered(3))
        on.engine.poller.hold("the test")
        for one in held:
            on.settle(one, FAILED)
        wait_for(lambda: on.counts().present == 0, "the messages to be deleted")
        # The batch is refused, then the first of it alone: that one goes without its reason.
        letters = on.sqs.peek(DEAD_LETTERS)
        assert sorted("fleet.reason" in one.attributes for one in letters) == [False, True, True]


@pytest.mark.parametrize("kind", ["error", "entries"])
def test_what_is_refused_for_good_is_hidden_and_holds_nothing_up(
    kind: Literal["error", "entries"],
) -> None:
    with bench(slots=2) as on:
        on.sqs.add_fault(
            Fault(kind, code="InvalidMessageContents", sender_fault=True, queues=(DEAD_LETTERS,),
                  actions=SEND)
        )  # fmt: skip
        on.run = lambda held: on.settle(held, FAILED)
        on.send()
        on.wait_delivered(1)
        wait_for(lambda: on.engine.acks.backlog == 0, "the message to be hidden")
        assert not on.engine.acks.stuck(time.monotonic() + 60)
        (hidden,) = on.sqs.peek(QUEUE)
        assert 895 < hidden.due_in_seconds <= 900
        on.sqs.advance(900)
        on.wait_delivered(2)
        wait_for(lambda: on.engine.acks.backlog == 0, "the message to be hidden again")
        on.run = on.finish
        on.sqs.clear_faults()
        on.sqs.advance(900)
        on.wait_empty()
        assert [held.receives for held in on.delivered] == [1, 2, 3]
