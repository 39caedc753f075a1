"""Leases: what is renewed when, what ends them."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from worker.sqs import lease as leases

#: SQS counts a message's twelve hours from its receive.
TWELVE_HOURS = 12 * 3600.0


@dataclass
class Life:
    """A lease through a run of ticks, and what was tried for it. Times are monotonic seconds."""

    lease: leases.Lease
    confirmed_at: float  # when SQS last hid the message
    tried_since: list[float] = field(default_factory=list)
    lapsed_at: float | None = None


def _ticks(lives: list[Life], lease_seconds: int, answers: list[bool], phase: float) -> None:
    """Tick every third of a lease, as the heartbeat does; an answer of False renews nothing."""
    period = leases.period_seconds(lease_seconds)
    for tick, works in enumerate(answers):
        now = phase + tick * period
        received = [life for life in lives if life.lease.received_at <= now]
        due = {id(one) for one in leases.due((li.lease for li in received), now, lease_seconds)}
        for life in received:
            if id(life.lease) in due and life.lapsed_at is None:
                life.tried_since.append(now)
                seconds = leases.extension_seconds(life.lease, now, lease_seconds)
                assert seconds is not None
                assert 0 < seconds <= lease_seconds
                assert now + seconds <= life.lease.received_at + TWELVE_HOURS
                if works:
                    leases.renewed(life.lease, now, seconds)
                    life.confirmed_at, life.tried_since = now, []
            if life.lapsed_at is None and leases.lapsed([life.lease], now):
                life.lapsed_at = now
                life.lease.lost = True


@settings(deadline=None)
@given(
    lease_seconds=st.integers(5, 2400),  # forty thirds of one stay below SQS's twelve hours
    phase=st.floats(0, 1),
    received=st.lists(st.floats(0, 5), min_size=1, max_size=6),
    answers=st.lists(st.booleans(), min_size=18, max_size=40),
)
def test_no_lease_lapses_without_two_attempts_to_renew_it(
    lease_seconds: int, phase: float, received: list[float], answers: list[bool]
) -> None:
    period = leases.period_seconds(lease_seconds)
    lives = [
        Life(leases.opened(str(i), at * period, lease_seconds), at * period)
        for i, at in enumerate(received)
    ]
    _ticks(lives, lease_seconds, answers, phase * period)
    for life in lives:
        if life.lapsed_at is not None:
            assert life.lapsed_at >= life.confirmed_at + lease_seconds
            assert len(life.tried_since) >= 2


@settings(deadline=None)
@given(
    lease_seconds=st.integers(5, 3600),
    phase=st.floats(0, 1),
    at=st.floats(0, 3),
)
def test_a_lease_whose_renewals_work_never_comes_near_its_end(
    lease_seconds: int, phase: float, at: float
) -> None:
    period = leases.period_seconds(lease_seconds)
    life = Life(leases.opened("h", at * period, lease_seconds), at * period)
    for tick in range(4, 30):
        _ticks([life], lease_seconds, [True] * tick, phase * period)
        now = phase * period + (tick - 1) * period
        assert life.lapsed_at is None
        # At least a third of the lease is left for another attempt, less a rounding of floats.
        assert life.lease.expires_at - now >= period - 0.001


@settings(deadline=None)
@given(lease_seconds=st.integers(5, 12 * 3600), phase=st.floats(0, 1))
def test_renewal_stops_before_the_twelve_hours_of_sqs(lease_seconds: int, phase: float) -> None:
    period = leases.period_seconds(lease_seconds)
    lease = leases.opened("h", 0.0, lease_seconds)
    now = phase * period
    while now < TWELVE_HOURS + 2 * lease_seconds:
        seconds = leases.extension_seconds(lease, now, lease_seconds)
        if seconds is not None:
            assert now + seconds <= TWELVE_HOURS
            assert now + seconds > lease.expires_at
            leases.renewed(lease, now, seconds)
        now += period
    assert leases.extension_seconds(lease, now, lease_seconds) is None
    assert leases.due([lease], now, lease_seconds) == []
    # What was asked for last reached as far as it may; renewals end a second before, at most.
    assert lease.expires_at >= min(leases.CAP_SECONDS - 1, TWELVE_HOURS - lease_seconds)


@given(
    lease_seconds=st.integers(5, 3600),
    started_at=st.floats(0, 10_000),
    limit_seconds=st.floats(1, 30_000),
    after=st.floats(0, 1000),
)
def test_renewal_ends_with_the_time_limit_and_its_grace(
    lease_seconds: int, started_at: float, limit_seconds: float, after: float
) -> None:
    lease = leases.opened("h", started_at, lease_seconds)
    leases.limit(lease, started_at, limit_seconds)
    end = started_at + limit_seconds + leases.GRACE_SECONDS
    assert lease.ends_at == end
    assert leases.extension_seconds(lease, end + after, lease_seconds) is None
    leases.renewed(lease, end - 2, 1)
    assert leases.extension_seconds(lease, end - 0.5, lease_seconds) is not None


def test_without_a_time_limit_a_lease_has_no_end_of_its_own() -> None:
    lease = leases.opened("h", 0.0, 60)
    leases.limit(lease, 5.0, None)
    assert lease.ends_at is None
    assert leases.extension_seconds(lease, 3600.0, 60) == 60


def test_a_young_lease_is_left_to_the_next_tick() -> None:
    lease = leases.opened("h", 0.0, 60)
    assert leases.due([lease], 9.9, 60) == []
    assert leases.due([lease], 10.0, 60) == [lease]


def test_a_lost_lease_is_neither_renewed_nor_reported_again() -> None:
    lease = leases.opened("h", 0.0, 60)
    assert leases.lapsed([lease], 59.9) == []
    assert leases.lapsed([lease], 60.0) == [lease]
    lease.lost = True
    assert leases.due([lease], 61.0, 60) == []
    assert leases.lapsed([lease], 61.0) == []
