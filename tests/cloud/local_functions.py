"""A local AWS with functions that tell of their runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ops.local.aws import local_aws
from tests.cloud.local_stacks import Stacks, client, until

# A minute of a schedule or of a retry lasts a fifth of a second.
_MINUTE = "0.2"
_RULES = "arn:aws:events:${AWS::Region}:${AWS::AccountId}:rule/NAME-*"
_CODE = """
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
    """Return a function, the queue that it tells of its runs, and a rule of events for it."""
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
        "SourceArn": {"Fn::Sub": _RULES.replace("NAME", name)},
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
                    "Code": {"ZipFile": _CODE},
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
        """Make the stack of a function, with more properties of it."""
        status = self.stacks.apply(name, template(name, **properties), "CREATE")
        assert status == "CREATE_COMPLETE", self.stacks.reasons(name)

    def invoke(self, name: str, **event: Any) -> tuple[Any, str | None]:
        """Run a function with an event; return what it answers, and its error."""
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


@contextmanager
def account_in(folder: Path) -> Iterator[Account]:
    """Start a local AWS in a folder."""
    arguments = ["--folder", str(folder / "state"), "--minute", _MINUTE]
    with local_aws(folder, lambda: None, arguments) as url:
        yield Account(url, folder / "state")
