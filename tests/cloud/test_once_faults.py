"""`once` against a DynamoDB that errs: nothing is done twice, and nobody waits without an end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cloud.once_table import Table, holder, new_table
from tests.faulty import Fault, Faulty, Kind
from worker.once import Unavailable, Unusable
from worker.once.items import Found
from worker.once.store import Patience


@pytest.fixture
def table(proxy: Faulty, monkeypatch: pytest.MonkeyPatch) -> Iterator[Table]:
    yield new_table(proxy, monkeypatch)
    proxy.clear()


@pytest.mark.parametrize("kind", ["lost", "status"])
def test_an_answer_that_does_not_come_through(kind: Kind, table: Table) -> None:
    table.proxy.fail(Fault(kind, action="PutItem", calls=1))
    claim = table.claim(holder())  # it knows its own claim again
    table.proxy.fail(Fault(kind, action="PutItem", calls=1))
    assert table.finish(claim, 1) == 1
    assert table.proxy.count("PutItem") == 4
    assert isinstance(table.ask(holder(receives=2)), Found)


def test_a_refusal_that_breaks_off_is_asked_for_again(table: Table) -> None:
    table.finish(table.claim(holder()), 1)
    table.proxy.fail(Fault("cut", action="PutItem", calls=2))
    assert isinstance(table.ask(holder("m2")), Found)


@pytest.mark.parametrize(
    "code",
    ["ThrottlingException", "ProvisionedThroughputExceededException", "InternalServerError"],
)
def test_what_passes_is_waited_for(code: str, table: Table) -> None:
    table.proxy.fail(Fault("error", action="PutItem", code=code, calls=3))
    claim = table.claim(holder())
    table.proxy.fail(Fault("error", action="PutItem", code=code, calls=3))
    assert table.finish(claim, 1) == 1
    assert table.proxy.count("PutItem") == 8


def test_a_claim_that_is_not_answered_ends_and_leaves_nothing(table: Table) -> None:
    table.patience = Patience(claim_seconds=0.5)
    table.proxy.fail(Fault("lost", action="PutItem"))
    with pytest.raises(Unavailable, match=r"-once: expected an answer to PutItem within 0 s, got "):
        table.ask(holder())
    table.proxy.clear()
    assert table.item() is None  # it had been put


def test_a_record_that_is_not_answered_is_no_failure(
    table: Table, caplog: pytest.LogCaptureFixture
) -> None:
    table.patience = Patience(record_seconds=0.5)
    claim = table.claim(holder())
    table.proxy.fail(Fault("error", action="PutItem"))
    assert table.finish(claim, 1) == 1
    assert "once k: done and not recorded, so a later run will do it again: " in caplog.text


def test_a_table_that_is_not_there(table: Table) -> None:
    table.client.update_table(TableName=table.fleet.once_table, DeletionProtectionEnabled=False)
    table.client.delete_table(TableName=table.fleet.once_table)
    with pytest.raises(Unusable) as raised:
        table.ask(holder())
    assert str(raised.value) == (
        f"once: table {table.fleet.once_table}: expected in DynamoDB, not found there: "
        "create it with `ops stores apply --yes`"
    )


def test_a_permission_that_lacks(table: Table) -> None:
    table.proxy.fail(Fault("error", code="AccessDeniedException"))
    with pytest.raises(Unusable) as raised:
        table.ask(holder())
    assert "expected to be allowed dynamodb:PutItem, got AccessDeniedException" in str(raised.value)
    assert str(raised.value).endswith("give this role the policy of docs/howto/once.md")
    assert table.proxy.count() == 1


def test_a_claim_that_cannot_be_given_up_is_said(
    table: Table, caplog: pytest.LogCaptureFixture
) -> None:
    table.patience = Patience(give_up_seconds=0.2)
    claim = table.claim(holder())
    table.proxy.fail(Fault("status", action="DeleteItem", status=503))
    table.store.give_up(claim)
    assert "once k: the claim could not be given up" in caplog.text
