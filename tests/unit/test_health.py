"""When a worker is ill, and when a new start would help."""

from __future__ import annotations

from dataclasses import replace

import pytest

from worker.drain import Phase
from worker.health import (
    ACKS_STUCK_SECONDS,
    CALL_SECONDS,
    LEASE_THREAD_MARGIN_SECONDS,
    START_SECONDS,
    STUCK_SECONDS,
    Consuming,
    Vitals,
    deaf_after_seconds,
    judge,
    ready,
    started,
)

NOW = 10_000.0
POLL = 20.0

CONSUMING = Consuming(
    poll_seconds=POLL,
    lease_period_seconds=20.0,
    busy=True,
    listening_since=NOW - 1000,
    polled=True,
    last_poll=NOW - 5,
    poll_failed_at=None,
    poll_trouble=None,
    leases_alive=True,
    leases_beat=NOW - 20,
    oldest_acknowledgement=NOW - 1,
    acknowledgement_failed_at=None,
    loop_asked_at=None,
)
WELL = Vitals(
    phase=Phase.RUNNING,
    pool="prefork",
    started_at=NOW - 2000,
    warden_beat=NOW - 1,
    consuming=CONSUMING,
)


def with_(**changes: object) -> Vitals:
    """Return a well worker with some of its threads' signs changed."""
    return replace(WELL, consuming=replace(CONSUMING, **changes))  # type: ignore[arg-type]


def test_a_worker_at_work_is_well() -> None:
    assert judge(WELL, NOW).well
    assert judge(WELL, NOW).reasons == []
    assert not judge(WELL, NOW).restart_helps


@pytest.mark.parametrize(
    ("poll_seconds", "seconds"), [(20.0, 40.0), (10.0, 20.0), (5.0, 10.0), (1.0, 10.0)]
)
def test_deaf_after_two_polls_and_no_sooner_than_a_call_is_tried_again(
    poll_seconds: float, seconds: float
) -> None:
    assert deaf_after_seconds(poll_seconds) == seconds
    just = with_(poll_seconds=poll_seconds, last_poll=NOW - seconds)
    assert judge(just, NOW).well
    health = judge(just, NOW + 1)
    assert health.reasons == [f"no poll was answered for {seconds + 1:.0f} s while slots are free"]
    assert health.restart_helps


def test_time_in_which_it_could_not_poll_does_not_count() -> None:
    """An hour with every slot busy, or on hold, and then a free one."""
    assert judge(with_(last_poll=NOW - 3600, listening_since=None), NOW).well
    assert judge(with_(last_poll=NOW - 3600, listening_since=NOW - 40), NOW).well
    assert not judge(with_(last_poll=NOW - 3600, listening_since=NOW - 41), NOW).well


def test_a_worker_that_was_never_answered_is_ill_too() -> None:
    assert judge(with_(last_poll=None, listening_since=NOW - 40), NOW).well
    assert not judge(with_(last_poll=None, listening_since=NOW - 41), NOW).well


def test_while_polls_fail_no_restart_helps_and_once_they_stop_failing_one_does() -> None:
    failing = {"last_poll": NOW - 100, "poll_trouble": "denied"}
    outside = judge(with_(**failing, poll_failed_at=NOW - POLL - CALL_SECONDS), NOW)
    assert "polls fail (denied)" in outside.reasons[0]
    assert not outside.restart_helps
    inside = judge(with_(**failing, poll_failed_at=NOW - POLL - CALL_SECONDS - 1), NOW)
    assert not inside.well
    assert inside.restart_helps


def test_the_lease_thread() -> None:
    limit = CONSUMING.lease_period_seconds + LEASE_THREAD_MARGIN_SECONDS
    assert judge(with_(leases_beat=NOW - limit), NOW).well
    stuck = judge(with_(leases_beat=NOW - limit - 1), NOW)
    assert stuck.reasons == [f"leases were not looked after for {limit + 1:.0f} s"]
    gone = judge(with_(leases_alive=False), NOW)
    assert gone.reasons == ["the thread that renews leases has ended"]
    assert stuck.restart_helps
    assert gone.restart_helps


def test_the_delete_queue() -> None:
    assert judge(with_(oldest_acknowledgement=None), NOW).well
    assert judge(with_(oldest_acknowledgement=NOW - ACKS_STUCK_SECONDS), NOW).well
    old = {"oldest_acknowledgement": NOW - ACKS_STUCK_SECONDS - 1}
    failing = judge(with_(**old, acknowledgement_failed_at=NOW - CALL_SECONDS), NOW)
    stuck = judge(with_(**old, acknowledgement_failed_at=NOW - CALL_SECONDS - 1), NOW)
    assert not failing.well
    assert not stuck.well
    assert (failing.restart_helps, stuck.restart_helps) == (False, True)


def test_the_event_loop_and_the_pool_whose_tasks_it_runs() -> None:
    asked = {"loop_asked_at": NOW - STUCK_SECONDS - 1}
    assert judge(with_(loop_asked_at=NOW - STUCK_SECONDS), NOW).well
    for pool, busy, well in (
        ("prefork", True, False),
        ("threads", True, False),
        ("solo", True, True),
        ("solo", False, False),
    ):
        vitals = replace(with_(**asked, busy=busy), pool=pool)
        assert judge(vitals, NOW).well is well, pool


def test_the_warden() -> None:
    assert judge(replace(WELL, warden_beat=NOW - STUCK_SECONDS), NOW).well
    assert judge(replace(WELL, warden_beat=NOW - STUCK_SECONDS - 1), NOW).restart_helps


def test_a_worker_that_does_not_begin() -> None:
    starting = replace(WELL, consuming=None)
    assert judge(replace(starting, started_at=NOW - START_SECONDS), NOW).well
    assert judge(replace(starting, started_at=NOW - START_SECONDS - 1), NOW).restart_helps


def test_several_ailments_are_all_named() -> None:
    vitals = with_(leases_alive=False, last_poll=NOW - 100, oldest_acknowledgement=NOW - 100)
    assert len(judge(vitals, NOW).reasons) == 3


def test_pausing_and_draining_are_no_ailments_but_heal_none_either() -> None:
    for phase in (Phase.PAUSED, Phase.DRAINING):
        assert judge(
            replace(with_(last_poll=NOW - 999, listening_since=None), phase=phase), NOW
        ).well
        assert not judge(replace(with_(leases_alive=False), phase=phase), NOW).well
    # Its threads are told to end one after the other.
    assert judge(replace(with_(leases_alive=False), phase=Phase.LEAVING), NOW).well


def test_ready_from_the_first_answered_poll_until_told_to_stop() -> None:
    assert ready(WELL)
    assert not ready(with_(last_poll=None))
    assert not ready(replace(WELL, consuming=None))
    for phase in (Phase.PAUSED, Phase.DRAINING, Phase.LEAVING):
        assert not ready(replace(WELL, phase=phase))


def test_started_with_the_first_poll_whatever_its_answer() -> None:
    assert started(WELL)
    failing = with_(last_poll=None, poll_failed_at=NOW - 1, poll_trouble="transient")
    assert started(failing)
    assert not ready(failing)
    assert not started(with_(last_poll=None, polled=False))
    # One that starts paused opens no poll.
    assert started(replace(with_(last_poll=None, polled=False), phase=Phase.PAUSED))
    for phase in Phase:
        assert not started(replace(WELL, phase=phase, consuming=None))
    for phase in (Phase.DRAINING, Phase.LEAVING):
        assert not started(replace(WELL, phase=phase))
