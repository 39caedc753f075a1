"""Functions of the local AWS run as processes: warm ones, their logs, how they fail."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ops.local.machine.logs import MOST_BYTES, before
from ops.local.record import calls
from tests.cloud.local_functions import Account, account_in
from tests.cloud.local_stacks import until


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with account_in(tmp_path_factory.mktemp("aws")) as account:
        yield account


def test_a_function_is_a_process_that_stays_warm(account: Account) -> None:
    account.make("warm")
    first, error = account.invoke("warm")
    assert error is None
    assert first["n"] == 1
    assert 0 < first["left"] <= 30_000
    assert first["own"] is True
    # What runs it is not among what its code imports.
    assert first["ops"] is True
    second, _ = account.invoke("warm")
    assert (second["n"], second["pid"]) == (2, first["pid"])

    variables = {"QUEUE": account.stacks.physical("warm")["Queue"], "NEW": "1"}
    account.functions.update_function_configuration(
        FunctionName="warm", Environment={"Variables": variables}
    )
    third, _ = account.invoke("warm")
    assert third["n"] == 1
    assert third["pid"] != first["pid"]


def test_it_calls_as_its_role(account: Account) -> None:
    account.make("roled")
    account.invoke("roled")
    made = [c for c in calls(account.folder) if c.who == "roled"]
    assert [(c.role, c.action, c.status) for c in made] == [("roled.role", "sqs:SendMessage", 200)]
    assert made[0].resources == ("arn:aws:sqs:eu-central-1:123456789012:roled-told",)


def test_what_it_says_is_in_its_log(account: Account) -> None:
    account.make("logged")
    account.invoke("logged", mark="here")

    def look() -> Any:
        found = account.logs.filter_log_events(logGroupName="/aws/lambda/logged")["events"]
        return [each["message"] for each in found] or None

    lines = until(look, "the log")
    assert 'got {"mark": "here"}' in lines
    assert any(line.startswith("REPORT RequestId") for line in lines)
    log = account.folder / "lambda" / "logged.log"
    assert 'got {"mark": "here"}' in log.read_text()
    with log.open("a") as full:
        full.write("x" * MOST_BYTES)
    account.invoke("logged", mark="again")
    assert log.read_text().count("REPORT RequestId") == 1
    assert 'got {"mark": "here"}' in before(log).read_text()


def test_how_it_fails_is_told(account: Account) -> None:
    account.make("failing")
    told, error = account.invoke("failing", **{"raise": True})
    assert (error, told["errorType"]) == ("Unhandled", "ValueError")
    assert told["errorMessage"] == "told to"
    told, error = account.invoke("failing", exit=True)
    assert (error, told["errorType"]) == ("Unhandled", "Runtime.ExitError")
    account.invoke("failing")  # a new process, which has its imports behind it
    account.functions.update_function_configuration(FunctionName="failing", Timeout=3)
    told, error = account.invoke("failing", sleep=60)
    assert (error, told["errorType"]) == ("Unhandled", "Sandbox.Timedout")
    # The next one has a process of its own.
    account.functions.update_function_configuration(FunctionName="failing", Timeout=30)
    answer, error = account.invoke("failing")
    assert (error, answer["n"]) == (None, 1)


def test_an_event_is_tried_three_times(account: Account) -> None:
    account.make("retried")
    account.functions.invoke(
        FunctionName="retried", InvocationType="Event", Payload=json.dumps({"raise": True})
    )

    def given_up() -> Any:
        log = account.folder / "lambda" / "retried.log"
        return (log.is_file() and "given up after 3 attempts" in log.read_text()) or None

    until(given_up, "the last attempt")
    tries: list[Any] = []
    while len(tries) < 3:
        tries += account.told("retried")
    assert len(tries) == 3


def test_reserved_concurrency_is_the_most_at_once(account: Account) -> None:
    account.make("reserved", ReservedConcurrentExecutions=1)
    account.functions.invoke(
        FunctionName="reserved", InvocationType="Event", Payload=json.dumps({"sleep": 5})
    )
    account.told("reserved")  # so it runs
    with pytest.raises(ClientError) as refused:
        account.invoke("reserved")
    assert refused.value.response["Error"]["Code"] == "TooManyRequestsException"
