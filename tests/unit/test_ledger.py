"""The ledger of held messages: counts that never drift, slots that are never given twice."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from worker.sqs import lease as leases
from worker.sqs.ledger import REMEMBERED, Held, Ledger, State

SLOTS = 3


def _admit(ledger: Ledger, message_id: str) -> Held:
    return ledger.admit(
        lambda tag: Held(
            tag=tag,
            message={"MessageId": message_id, "ReceiptHandle": "h", "Body": "", "Attributes": {}},
            lease=leases.opened("h", 0.0, 60),
            payload={},
            task="t",
            task_id=message_id,
            receives=1,
            sent_at_epoch_seconds=0.0,
        )
    )


class LedgerMachine(RuleBasedStateMachine):
    """Moves messages as the engine does, beside a plain model of where each one is."""

    @initialize()
    def start(self) -> None:
        self.ledger = Ledger()
        self.where: dict[Held, str] = {}
        self.order: list[Held] = []
        self.finished: set[str] = set()
        self.number = 0

    def _in(self, *places: str) -> list[Held]:
        return [held for held, place in self.where.items() if place in places]

    @rule()
    def receive(self) -> None:
        self.number += 1
        held = _admit(self.ledger, f"m{self.number}")
        self.ledger.buffer(held)
        self.where[held] = "buffered"
        self.order.append(held)

    @rule()
    def give(self) -> None:
        waiting = [held for held in self.order if self.where.get(held) == "buffered"]
        free = SLOTS - len(self._in("given"))
        held = self.ledger.give(SLOTS)
        if not waiting or free <= 0:
            assert held is None
        else:
            assert held is waiting[0]  # the oldest
            assert held.state is State.GIVEN
            self.where[held] = "given"

    @precondition(lambda self: self._in("given"))
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        held = data.draw(st.sampled_from(self._in("given")))
        assert self.ledger.end(held)
        assert not self.ledger.end(held)  # only once
        assert held.over
        self.where[held] = "ending"

    @precondition(lambda self: self._in("ending"))
    @rule(data=st.data(), finished=st.booleans())
    def drop(self, data: st.DataObject, finished: bool) -> None:
        held = data.draw(st.sampled_from(self._in("ending")))
        self.ledger.drop(held, finished=finished)
        self.ledger.drop(held, finished=False)  # harmless
        del self.where[held]
        if finished:
            self.finished.add(held.message_id)

    @rule(at_most=st.none() | st.integers(0, 3), odd=st.booleans())
    def take_back(self, at_most: int | None, odd: bool) -> None:
        waiting = [held for held in self.order if self.where.get(held) == "buffered"]
        wanted = [held for held in reversed(waiting) if held.tag % 2 == odd][:at_most]
        taken = self.ledger.take_back(lambda held: held.tag % 2 == odd, at_most)
        assert taken == wanted  # youngest first
        for held in taken:
            assert self.ledger.end(held)
            self.where[held] = "ending"

    @invariant()
    def counts_agree(self) -> None:
        if not hasattr(self, "ledger"):
            return
        assert self.ledger.buffered == len(self._in("buffered"))
        assert self.ledger.occupied == len(self._in("given")) <= SLOTS
        assert self.ledger.occupying() == sorted(self._in("given"), key=lambda held: held.tag)
        assert set(self.ledger.held()) == set(self.where)
        for held in self.where:
            assert self.ledger.get(held.tag) is held
            assert self.ledger.find(held.message_id) is held
        for held in self.order:
            assert self.ledger.was_finished(held.message_id) == (held.message_id in self.finished)


LedgerMachine.TestCase.settings = settings(deadline=None, max_examples=40, stateful_step_count=30)
TestLedger = LedgerMachine.TestCase


def test_held_can_be_asked_for_by_state() -> None:
    ledger = Ledger()
    one, two = _admit(ledger, "1"), _admit(ledger, "2")
    ledger.buffer(one)
    ledger.buffer(two)
    ledger.give(SLOTS)
    assert ledger.held([State.GIVEN]) == [one]
    assert ledger.held([State.BUFFERED]) == [two]
    assert ledger.held() == [one, two]


def test_a_message_admitted_anew_is_not_dropped_with_its_old_self() -> None:
    ledger = Ledger()
    old = _admit(ledger, "1")
    new = _admit(ledger, "1")
    ledger.drop(old, finished=False)
    assert ledger.find("1") is new
    assert ledger.get(old.tag) is None


@pytest.mark.parametrize("more", [0, 1, 10])
def test_finished_ids_are_remembered_up_to_a_bound(more: int) -> None:
    ledger = Ledger()
    for number in range(REMEMBERED + more):
        ledger.drop(_admit(ledger, str(number)), finished=True)
    assert ledger.was_finished(str(more))
    assert not more or not ledger.was_finished(str(more - 1))
    assert ledger.held() == []
