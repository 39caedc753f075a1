"""`once` against DynamoDB over HTTP: who gets a claim, who is answered, who has lost it."""

from __future__ import annotations

import itertools
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest

from tests.cloud.once_table import Table, holder, new_table
from tests.faulty import Faulty
from worker.once import Busy, LostClaim, ResultNotKept
from worker.once.claiming import kept_result
from worker.once.items import Claim, Found, Holder, claimed
from worker.once.store import Taken


@pytest.fixture
def table(proxy: Faulty, monkeypatch: pytest.MonkeyPatch) -> Table:
    return new_table(proxy, monkeypatch)


def test_one_call_before_and_one_after(table: Table) -> None:
    claim = table.claim(holder())
    assert table.finish(claim, {"sent": True}) == {"sent": True}
    assert [call.action for call in table.proxy.calls()] == ["PutItem", "PutItem"]


def test_who_comes_later_is_answered_with_the_result_by_one_call(table: Table) -> None:
    table.finish(table.claim(holder()), ("a", 1))
    table.proxy.forget()
    for later in (holder(receives=2), holder("m2"), holder()):
        found = table.ask(later)
        assert isinstance(found, Found)
        assert kept_result("k", found) == ["a", 1]
    assert [call.action for call in table.proxy.calls()] == ["PutItem"] * 3


def test_a_claim_names_the_message_and_its_receive(table: Table) -> None:
    claim = table.claim(holder("m1", 3, "me"))
    item = table.item()
    assert item is not None
    assert (item["message"], item["receives"], item["owner"]) == (
        {"S": "m1"},
        {"N": "3"},
        {"S": "me"},
    )
    assert float(item["until"]["N"]) == pytest.approx(claim.claimed_at + 330, abs=0.001)
    assert int(item["expires"]["N"]) >= claim.claimed_at + 330 + 3600


def may_take(asks: Holder, there: dict[str, Any], now: float) -> bool:
    """The rule in words of its own, to hold DynamoDB's answer against."""
    if there["expires"] <= now:
        return True
    if there["state"] == "done":
        return False
    if there["owner"] == asks.owner or there["until"] <= now:
        return True
    return bool(there["message"] == asks.message_id and there["receives"] < asks.receives)


def test_the_whole_rule_of_taking_over(table: Table) -> None:
    now = 1_800_000_000.0
    names = ("state", "message", "receives", "owner", "until", "expires")
    cases = itertools.product(
        ("running", "done"),
        ("m1", "m2"),
        (1, 2, 3),
        ("me", "other"),
        (now - 1, now, now + 1),
        (now - 1, now, now + 1),
    )
    there = {f"k{n}": dict(zip(names, case, strict=True)) for n, case in enumerate(cases)}
    puts = [{"PutRequest": {"Item": as_item(key, values)}} for key, values in there.items()]
    for start in range(0, len(puts), 25):
        table.client.batch_write_item(
            RequestItems={table.fleet.once_table: puts[start : start + 25]}
        )
    asks = holder("m1", 2, "me")
    for key, values in there.items():
        answer = table.store.claim(Claim(key, asks, now, 60))
        assert isinstance(answer, Taken) == may_take(asks, values, now), values


def as_item(key: str, values: dict[str, Any]) -> dict[str, Any]:
    return {
        "key": {"S": key},
        **{k: {"S": v} if isinstance(v, str) else {"N": str(v)} for k, v in values.items()},
    }


def test_the_same_message_received_again_takes_over_at_once(table: Table) -> None:
    first = table.claim(holder(receives=1))
    second = table.claim(holder(receives=2))
    assert table.finish(second, "second") == "second"
    # The first still lives: its effect has happened too, and the record stands.
    assert table.finish(first, "first") == "second"


def test_a_receive_that_was_overtaken_does_not_take_back(table: Table) -> None:
    table.claim(holder(receives=2))
    with pytest.raises(Busy, match=r"^once: k: expected the other run \(t.mail, message m1, rec"):
        table.ask(holder(receives=1))


def test_another_message_waits_and_gets_the_result(table: Table) -> None:
    claim = table.claim(holder("m1"))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(table.ask, holder("m2"), wait=30)
        while table.proxy.count("PutItem") < 4:  # it has looked a few times
            time.sleep(0.01)
        assert not waiting.done()
        table.finish(claim, 7)
        found = waiting.result(30)
    assert isinstance(found, Found)
    assert kept_result("k", found) == 7


def test_the_wait_has_an_end(table: Table) -> None:
    table.claim(holder("m1"))
    with pytest.raises(Busy, match="to finish within 1s, it has not: try again later"):
        table.ask(holder("m2"), wait=1)


def test_of_many_claimants_one_gets_it(table: Table) -> None:
    go = Event()

    def ask(number: int) -> bool:
        go.wait()
        try:
            table.ask(holder(f"m{number}"))
        except Busy:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        asked = [pool.submit(ask, number) for number in range(16)]
        go.set()
        assert sum(each.result() for each in asked) == 1


def test_a_claim_whose_holder_cannot_be_running_is_taken_over(table: Table) -> None:
    table.claim(holder("m1", longest=-0.001))
    claim = table.claim(holder("m2"))
    assert table.finish(claim, None) is None


def test_an_expired_record_counts_as_absent(table: Table) -> None:
    store = table.store
    old = Claim("k", holder("m1"), time.time() - 7200, 3600)
    assert store.claim(old) is Taken.ANEW
    table.finish(Claim("k", old.holder, old.claimed_at, -1), "stale")
    item = table.item()
    assert item is not None
    assert item["state"] == {"S": "done"}
    assert table.finish(table.claim(holder("m2")), "fresh") == "fresh"


def test_a_lost_claim_whose_successor_is_at_work(table: Table) -> None:
    first = table.claim(holder(receives=1))
    table.claim(holder(receives=2, owner="successor"))
    with pytest.raises(LostClaim, match="found it taken over"):
        table.finish(first, "first")
    item = table.item()
    assert item is not None
    assert (item["owner"], item["state"]) == ({"S": "successor"}, {"S": "running"})


def test_what_happened_is_recorded_where_the_successor_gave_up(table: Table) -> None:
    first = table.claim(holder(receives=1))
    second = table.claim(holder(receives=2))
    table.store.give_up(second)
    assert table.item() is None
    assert table.finish(first, "first") == "first"
    found = table.ask(holder(receives=3))
    assert isinstance(found, Found)


def test_giving_up_leaves_what_is_not_ours(table: Table) -> None:
    first = table.claim(holder(receives=1))
    second = table.claim(holder(receives=2))
    table.store.give_up(first)
    assert table.item() == claimed(second)
    table.finish(second, 1)
    table.store.give_up(second)
    item = table.item()
    assert item is not None
    assert item["state"] == {"S": "done"}


@pytest.mark.parametrize(
    ("result", "why"),
    [
        (object(), "expected JSON, got object"),
        (float("nan"), "expected JSON, got float"),
        ("x" * 102_400, "expected at most 102400 bytes of JSON, got 102402"),
    ],
)
def test_a_result_that_cannot_be_kept_is_no_failure(
    result: object, why: str, table: Table, caplog: pytest.LogCaptureFixture
) -> None:
    assert table.finish(table.claim(holder()), result) is result
    assert f"once k: the result is not kept: {why}" in caplog.text
    later = table.ask(holder(receives=2))
    assert isinstance(later, Found)
    with pytest.raises(ResultNotKept, match="done before, and its result was not kept"):
        kept_result("k", later)


def test_an_item_of_somebody_else_is_never_taken(table: Table) -> None:
    table.client.put_item(
        TableName=table.fleet.once_table, Item={"key": {"S": "k"}, "owner": {"N": "3"}}
    )
    with pytest.raises(Busy, match="not known"):
        table.ask(holder())
