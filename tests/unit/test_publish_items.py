"""What an item may be, and the account that a bulk keeps of its items."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.publish import Call, Report
from worker.publish.account import Account, InOrder
from worker.publish.items import REFUSALS_KEPT, as_call


@pytest.mark.parametrize(
    ("item", "call"),
    [
        ((1, "a"), Call((1, "a"))),
        ([1], Call([1])),
        ((), Call()),
        ({"b": 2}, Call((), {"b": 2})),
        (Call((1,), {"b": 2}, "id"), Call((1,), {"b": 2}, "id")),
    ],
)
def test_an_item_is_arguments_keyword_arguments_or_both(item: object, call: Call) -> None:
    assert as_call(item) == call


@pytest.mark.parametrize("item", ["text", b"bytes", 7, None, {1, 2}])
def test_what_is_none_of_them_is_refused(item: object) -> None:
    with pytest.raises(TypeError, match=f"found a {type(item).__name__}"):
        as_call(item)


def test_a_call_holds_what_celery_takes() -> None:
    with pytest.raises(TypeError, match="args: expected a tuple or list, found a str"):
        as_call(Call("abc"))
    with pytest.raises(TypeError, match="kwargs: expected a mapping, found a list"):
        as_call(Call(kwargs=[1]))  # type: ignore[arg-type]


@given(st.integers(0, 40), st.data())
def test_every_item_is_sent_refused_or_open(items: int, data: st.DataObject) -> None:
    account: Account[int] = Account()
    open_, sent, refused = [], [], []
    for number in range(items):
        assert account.take(number) == number
        open_.append(number)
        for _ in range(data.draw(st.integers(0, min(3, len(open_))))):
            index = open_.pop(data.draw(st.integers(0, len(open_) - 1)))
            if data.draw(st.booleans()):
                assert account.confirm(index) == index
                sent.append(index)
            else:
                account.refuse(index, "why")
                refused.append(index)
        assert account.lag == number + 1 - min(open_, default=number + 1)
    report = account.report()
    assert (report.sent, report.refused, report.next_index) == (len(sent), len(refused), items)
    assert sorted(report.unconfirmed) == sorted(open_)
    assert {refusal.index for refusal in report.refusals} == set(refused)


@given(st.permutations(range(30)), st.sets(st.integers(0, 29)))
def test_what_comes_in_any_order_is_given_in_order(order: list[int], left_out: set[int]) -> None:
    results: InOrder[str] = InOrder()
    given: list[int] = []
    for done, index in enumerate(order, 1):
        results.put(index, None if index in left_out else str(index))
        given += [index for index, value in results.ready() if value == str(index)]
        first_missing = min(set(range(31)) - set(order[:done]))
        assert given == [i for i in range(first_missing) if i not in left_out]


def test_refusals_are_all_counted_and_the_first_kept() -> None:
    account: Account[None] = Account()
    for _ in range(REFUSALS_KEPT + 5):
        account.refuse(account.take(None), "too large")
    report = account.report()
    assert report.refused == REFUSALS_KEPT + 5
    assert [refusal.index for refusal in report.refusals] == list(range(REFUSALS_KEPT))


def test_a_report_in_words() -> None:
    assert str(Report(3, 0, 3)) == "3 sent, go on at item 3"
    assert str(Report(3, 1, 6, (), (4, 5))) == (
        "3 sent, 1 refused, 2 not confirmed, go on at item 6"
    )
