"""The journal in a CloudWatch log group: in order, in batches, and never in the engine's way."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from ops.scaling.journal_logs import (
    EVENT_AT_MOST_BYTES,
    KEPT_AT_MOST_BYTES,
    LogsJournal,
)
from ops.scaling.replay import Replayed, replay
from tests.cloud.scaling_account import Account, environment_of
from tests.faulty import Fault, Faulty
from tests.scaled_ticks import lines_of, simulated_ticks

PUT = "PutLogEvents"


@dataclass
class Logs:
    """A log group, and a journal in it."""

    account: Account
    journal: LogsJournal
    group: str

    @property
    def proxy(self) -> Faulty:
        return self.account.proxy

    def events(self) -> list[dict[str, Any]]:
        logs = self.account.client("logs")
        (stream,) = logs.describe_log_streams(logGroupName=self.group)["logStreams"]
        name = stream["logStreamName"]
        found: list[dict[str, Any]] = []
        token: dict[str, str] = {}
        while True:
            page = logs.get_log_events(
                logGroupName=self.group, logStreamName=name, startFromHead=True, **token
            )
            if not page["events"]:
                return found
            found += page["events"]
            token = {"nextToken": page["nextForwardToken"]}

    def messages(self) -> list[str]:
        return [event["message"] for event in self.events()]


@pytest.fixture
def logs(aws: str) -> Iterator[Logs]:
    with Faulty(aws) as proxy:
        account = Account(aws, proxy, ["video"])
        group = f"/fleet/{account.name}"
        account.client("logs").create_log_group(logGroupName=group)
        with environment_of(proxy.url):
            yield Logs(account, LogsJournal.of(account.fleet, group, "host:1/a*b"), group)


def recent(offset: float = 0.0) -> float:
    """A time that CloudWatch takes: not older than 14 days."""
    return time.time() + offset


def test_what_is_written_is_replayed(logs: Logs) -> None:
    ticks = simulated_ticks(50)
    for line in lines_of(ticks):
        assert logs.journal.write([line], recent()) == ""
    found = Replayed()
    list(replay(logs.messages(), found))
    assert (found.decisions, found.differ, found.unread) == (50, 0, {})
    assert logs.proxy.count("CreateLogStream") == 1


def test_a_tick_is_one_call_and_much_is_several(logs: Logs) -> None:
    assert logs.journal.write([f'{{"n":{n}}}' for n in range(500)], recent()) == ""
    assert logs.proxy.count(PUT) == 1
    big = [json.dumps({"n": n, "x": "é" * 150_000}, ensure_ascii=False) for n in range(7)]
    assert logs.journal.write(big, recent()) == ""
    assert logs.proxy.count(PUT) == 1 + 3  # three of them fit into a batch
    assert [json.loads(each)["n"] for each in logs.messages()] == [*range(500), *range(7)]


def test_the_order_is_that_of_the_lines_though_the_clock_is_set_back(logs: Logs) -> None:
    for number, at in enumerate((recent(), recent(-60), recent(-30), recent(1))):
        assert logs.journal.write([str(number)], at) == ""
    assert logs.messages() == ["0", "1", "2", "3"]
    times = [event["timestamp"] for event in logs.events()]
    assert times == sorted(times)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault("error", action=PUT, code="ThrottlingException"), "slow down"),
        (Fault("error", action=PUT, code="AccessDeniedException"), "allow logs:PutLogEvents"),
        (Fault("status", action=PUT, status=503), "got status 503"),
        (Fault("status", action="CreateLogStream", status=500), "got status 500"),
    ],
    ids=["throttled", "denied", "503", "stream"],
)
def test_what_is_not_taken_is_kept_for_the_next_tick(logs: Logs, fault: Fault, said: str) -> None:
    logs.proxy.fail(fault)
    assert said in logs.journal.write(["a"], recent())
    assert said in logs.journal.write(["b"], recent())
    assert not logs.journal.fresh
    logs.proxy.clear()
    assert logs.journal.write(["c"], recent()) == ""
    assert logs.messages() == ["a", "b", "c"]


def test_an_answer_that_was_lost_brings_lines_twice_which_is_read_once(logs: Logs) -> None:
    lines = lines_of(simulated_ticks(10))
    logs.proxy.fail(Fault("lost", action=PUT, calls=1))
    assert logs.journal.write(lines[:5], recent()) != ""
    assert logs.journal.write(lines[5:], recent()) == ""
    assert len(logs.messages()) == 15
    found = Replayed()
    list(replay(logs.messages(), found))
    assert (found.decisions, found.differ, found.unread) == (10, 0, {})


def test_what_is_kept_is_bounded_and_a_loss_is_told(logs: Logs) -> None:
    logs.proxy.fail(Fault("error", action=PUT, code="ThrottlingException"))
    line = "x" * 900_000
    troubles = [logs.journal.write([line], recent()) for _ in range(KEPT_AT_MOST_BYTES // 900_000)]
    assert not any("lost" in each for each in troubles)
    assert f"{logs.group}: 1 lines were lost" in logs.journal.write([line], recent())
    assert logs.journal.fresh  # the next lines are to be full ones
    logs.proxy.clear()
    assert logs.journal.write(["y"], recent()) == ""
    assert not logs.journal.fresh


def test_a_line_that_is_too_large_is_left_out(logs: Logs) -> None:
    said = logs.journal.write(["x" * EVENT_AT_MOST_BYTES, "y"], recent())
    assert "more than an event takes" in said
    assert logs.journal.fresh
    assert logs.messages() == ["y"]


def test_without_a_group_it_says_what_to_do(logs: Logs) -> None:
    logs.account.client("logs").delete_log_group(logGroupName=logs.group)
    assert logs.journal.write(["a"], recent()) == (
        f"{logs.group}: expected in CloudWatch Logs, not found there: create it with ops stack "
        "apply --yes or, without stacks, with aws logs create-log-group --log-group-name "
        f"{logs.group}"
    )
    logs.account.client("logs").create_log_group(logGroupName=logs.group)
    assert logs.journal.write(["b"], recent()) == ""
    assert logs.messages() == ["a", "b"]
