"""The engine's leases on a strict SQS: renewed, lost, regained, and let go."""

from __future__ import annotations

import time

from tests.cloud.engine_bench import bench, wait_for
from tests.sqs import Fault
from worker.outcomes import DONE, Reason
from worker.sqs.engine import DRAINING
from worker.sqs.ledger import Held

VISIBILITY = ("ChangeMessageVisibilityBatch",)


def test_leases_are_renewed_past_their_first_end_and_a_passing_fault() -> None:
    with bench(slots=3) as on:
        fault = on.sqs.add_fault(Fault("status", status=503, actions=VISIBILITY, calls=1))
        on.send(3)
        held = list(on.wait_delivered(3))
        ends = [one.lease.received_at + 5 for one in held]
        wait_for(lambda: on.engine.heartbeat.renewed_total >= 6, "two renewals of each")
        wait_for(lambda: time.monotonic() > max(ends) + 0.5, "the end of the first leases")
        assert on.counts().received == 3  # nobody was given them again
        assert on.counts().in_flight == 3
        assert on.engine.leases_lost_total == 0
        assert on.sqs.struck(fault) == 1
        # In batches: three messages cost one call.
        calls = on.requests(VISIBILITY[0])
        assert calls - 1 <= on.engine.heartbeat.renewed_total / 2
        for one in held:
            on.settle(one, DONE)
        on.wait_empty()


def test_a_stale_handle_is_a_lost_lease_and_deletes_nothing() -> None:
    with bench(slots=1) as on:
        lost: list[Held] = []
        on.engine.on_lost_lease = lost.append
        on.send()
        (held,) = on.wait_delivered(1)
        on.sqs.advance(6)
        handle = on.steal()
        wait_for(lambda: on.engine.leases_lost_total == 1, "the lease to be found lost")
        assert held.lease.lost
        on.settle(held, DONE)
        wait_for(lambda: not on.engine.ledger.held(), "the delete to be given up")
        assert on.counts().in_flight == 1
        assert on.engine.leases_lost_total + on.engine.acks.stale_total == 1  # counted once
        on.client.delete_message(QueueUrl=on.url, ReceiptHandle=handle)
        assert lost == []  # on_lost_lease = "finish"


def test_a_lost_lease_ends_the_task_where_the_manifest_says_so() -> None:
    with bench(slots=1, on_lost_lease="end") as on:
        lost: list[Held] = []
        on.engine.on_lost_lease = lost.append
        on.send()
        (held,) = on.wait_delivered(1)
        on.sqs.advance(6)
        on.steal()
        wait_for(lambda: lost, "the task to be ended")
        assert lost == [held]


def test_a_message_that_comes_back_while_held_is_adopted() -> None:
    with bench(slots=2, poll="20s") as on:
        on.send()
        (held,) = on.wait_delivered(1)
        first = held.lease.handle
        wait_for(lambda: on.counts().open_polls == 1, "a poll that it comes back to")
        on.sqs.advance(6)
        wait_for(lambda: held.lease.handle != first, "the message to come back")
        assert held.receives == 2
        assert on.delivered == [held]
        assert on.engine.leases_lost_total == 0
        on.settle(held, DONE)
        on.wait_empty()
        assert on.counts().deleted == 1


def test_a_finished_message_that_comes_again_is_deleted_without_a_run() -> None:
    with bench(slots=1) as on:
        on.sqs.configure(stale_delete_succeeds=True)
        on.send()
        (held,) = on.wait_delivered(1)
        on.sqs.advance(6)
        handle = on.steal()  # so that the delete succeeds, and deletes nothing
        on.settle(held, DONE)
        wait_for(lambda: not on.engine.ledger.held(), "the delete")
        on.client.change_message_visibility(
            QueueUrl=on.url, ReceiptHandle=handle, VisibilityTimeout=0
        )
        on.wait_empty()
        assert on.delivered == [held]
        assert on.counts().received == 3


def test_what_ended_after_its_lease_was_lost_is_not_run_again_by_who_ran_it() -> None:
    with bench(slots=1) as on:
        on.send()
        (held,) = on.wait_delivered(1)
        on.sqs.advance(6)
        handle = on.steal()
        on.settle(held, DONE)
        wait_for(lambda: not on.engine.ledger.held(), "the delete to be given up")
        assert on.counts().in_flight == 1
        on.run = on.finish
        on.client.change_message_visibility(
            QueueUrl=on.url, ReceiptHandle=handle, VisibilityTimeout=0
        )
        on.wait_empty()
        assert on.delivered == [held]


def test_what_is_being_handed_back_is_not_hidden_anew() -> None:
    with bench(slots=1) as on:
        heartbeat = on.engine.heartbeat
        on.send()
        (held,) = on.wait_delivered(1)
        wait_for(lambda: heartbeat.renewed_total == 1, "a renewal")
        on.engine.poller.hold(DRAINING)
        calls = on.requests(VISIBILITY[0])
        # The next renewal would be due meanwhile, and would come after it.
        on.sqs.delay(3.0, VISIBILITY)
        on.engine.cut_off([held], Reason("CutOff", "ended"))
        wait_for(lambda: on.engine.acks.backlog == 0, "the message to be handed back")
        back = time.monotonic()
        wait_for(lambda: heartbeat.last_beat > back, "the beat under way, or the next, to end")
        assert on.requests(VISIBILITY[0]) == calls + 1
        assert on.counts().visible == 1
