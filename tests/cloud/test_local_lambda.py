"""Functions of the local AWS run as processes, from rules that match events or fire by a clock."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ops.local.aws import local_aws
from ops.local.machine.logs import MOST_BYTES, before
from ops.local.record import calls
from tests.cloud.local_stacks import Stacks, client, until

# A minute of a schedule or of a retry lasts a fifth of a second.
MINUTE = "0.2"
RULES = "arn:aws:events:${AWS::Region}:${AWS::AccountId}:rule/NAME-*"
CODE = """
import json, os, sys, time
import boto3

n = 0

def handler(event, context):
    global n
    n += 1
    print("got", json.dumps(event))
    boto3.client("sqs").send_message(
        QueueUrl=os.environ["QUEUE"], MessageBody=json.dumps({"n": n, "event": event})
    )
    if event.get("raise"):
        raise ValueError("told to")
    if event.get("exit"):
        os._exit(3)
    time.sleep(event.get("sleep", 0))
    return {
        "n": n,
        "pid": os.getpid(),
        "left": context.get_remaining_time_in_millis(),
        "own": os.path.dirname(os.path.abspath(__file__)) == sys.path[0],
        "ops": sys.modules.get("ops") is None,
    }
"""


def template(name: str, **properties: Any) -> dict[str, Any]:
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Principal": {"Service": "lambda.amazonaws.com"},
            }
        ],
    }
    arn = {"Fn::GetAtt": ["Function", "Arn"]}
    permission = {
        "FunctionName": {"Ref": "Function"},
        "Action": "lambda:InvokeFunction",
        "Principal": "events.amazonaws.com",
        "SourceArn": {"Fn::Sub": RULES.replace("NAME", name)},
    }
    pattern = {"source": [name], "detail": {"kind": ["wanted"]}}
    targets = [{"Id": "function", "Arn": arn}]
    return {
        "Resources": {
            "Role": {
                "Type": "AWS::IAM::Role",
                "Properties": {"RoleName": f"{name}.role", "AssumeRolePolicyDocument": trust},
            },
            "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": f"{name}-told"}},
            "Function": {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "FunctionName": name,
                    "Runtime": "python3.12",
                    "Handler": "index.handler",
                    "Timeout": 30,
                    "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                    "Code": {"ZipFile": CODE},
                    "Environment": {"Variables": {"QUEUE": {"Ref": "Queue"}}},
                    **properties,
                },
            },
            "Permission": {"Type": "AWS::Lambda::Permission", "Properties": permission},
            "Matching": {
                "Type": "AWS::Events::Rule",
                "Properties": {
                    "Name": f"{name}-matching",
                    "EventPattern": pattern,
                    "Targets": targets,
                },
            },
        }
    }


class Account:
    """A local AWS with functions, and its folder."""

    def __init__(self, url: str, folder: Path) -> None:
        self.folder = folder
        self.stacks = Stacks(url)
        self.functions = client(url, "lambda")
        self.events = client(url, "events")
        self.sqs = client(url, "sqs")
        self.logs = client(url, "logs")

    def make(self, name: str, **properties: Any) -> None:
        status = self.stacks.apply(name, template(name, **properties), "CREATE")
        assert status == "CREATE_COMPLETE", self.stacks.reasons(name)

    def invoke(self, name: str, **event: Any) -> tuple[Any, str | None]:
        found = self.functions.invoke(FunctionName=name, Payload=json.dumps(event))
        return json.load(found["Payload"]), found.get("FunctionError")

    def told(self, name: str) -> list[dict[str, Any]]:
        """Wait for the function to have been run at all; return what it was run with."""
        url = self.sqs.get_queue_url(QueueName=f"{name}-told")["QueueUrl"]

        def look() -> Any:
            found = self.sqs.receive_message(
                QueueUrl=url, WaitTimeSeconds=1, MaxNumberOfMessages=10, VisibilityTimeout=600
            )
            return [json.loads(each["Body"]) for each in found.get("Messages", [])] or None

        found: list[dict[str, Any]] = until(look, f"{name} to run")
        return found


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    folder = tmp_path_factory.mktemp("aws")
    arguments = ["--folder", str(folder / "state"), "--minute", MINUTE]
    with local_aws(folder, lambda: None, arguments) as url:
        yield Account(url, folder / "state")


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
