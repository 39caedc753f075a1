"""Functions of the local AWS run by rules that match events or fire by a clock."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cloud.local_functions import Account, account_in


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with account_in(tmp_path_factory.mktemp("aws")) as account:
        yield account


def test_a_rule_sends_what_matches_and_nothing_else(account: Account) -> None:
    account.make("ruled")
    entries = [
        {"Source": "ruled", "DetailType": "t", "Detail": json.dumps({"kind": kind})}
        for kind in ("other", "wanted")
    ]
    account.events.put_events(Entries=entries)
    told = account.told("ruled")
    assert [each["event"]["detail"] for each in told] == [{"kind": "wanted"}]
    event = told[0]["event"]
    assert (event["source"], event["detail-type"]) == ("ruled", "t")
    assert event["time"].endswith("Z")


def test_a_rule_without_permission_runs_nothing(account: Account) -> None:
    account.make("allowed")
    arn = account.functions.get_function(FunctionName="allowed")["Configuration"]["FunctionArn"]
    account.events.put_rule(Name="stranger", EventPattern=json.dumps({"source": ["allowed"]}))
    account.events.put_targets(Rule="stranger", Targets=[{"Id": "f", "Arn": arn}])
    detail = json.dumps({"kind": "wanted"})
    entry = {"Source": "allowed", "DetailType": "t", "Detail": detail}
    account.events.put_events(Entries=[entry])
    # The rule that may came after the one that may not.
    assert len(account.told("allowed")) == 1


def test_a_rate_fires_until_its_rule_is_disabled(account: Account) -> None:
    account.make("rated")
    arn = account.functions.get_function(FunctionName="rated")["Configuration"]["FunctionArn"]
    account.events.put_rule(Name="rated-clock", ScheduleExpression="rate(1 minute)")
    account.events.put_targets(
        Rule="rated-clock", Targets=[{"Id": "f", "Arn": arn, "Input": json.dumps({"tick": 1})}]
    )
    seen: list[Any] = []
    while len(seen) < 3:
        seen += account.told("rated")
    assert {json.dumps(each["event"]) for each in seen} == {'{"tick": 1}'}
    # It was kept warm from one to the next.
    assert max(each["n"] for each in seen) > 1
    account.events.disable_rule(Name="rated-clock")
