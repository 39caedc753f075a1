"""Events of the local AWS that go to queues: what a rule's pattern matches, and nothing else."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.cloud.local_stacks import client, until


class Bus:
    """Rules with a queue of their own as the target, and what arrives there."""

    def __init__(self, url: str) -> None:
        self.events = client(url, "events")
        self.sqs = client(url, "sqs")

    def rule(self, name: str, **settings: Any) -> None:
        url = self.sqs.create_queue(QueueName=name)["QueueUrl"]
        wanted = {"QueueUrl": url, "AttributeNames": ["QueueArn"]}
        arn = self.sqs.get_queue_attributes(**wanted)["Attributes"]["QueueArn"]
        self.events.put_rule(Name=name, **settings)
        self.events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])

    def put(self, source: str, **detail: Any) -> None:
        entry = {"Source": source, "DetailType": "t", "Detail": json.dumps(detail)}
        assert self.events.put_events(Entries=[entry])["FailedEntryCount"] == 0

    def first(self, name: str) -> dict[str, Any]:
        url = self.sqs.get_queue_url(QueueName=name)["QueueUrl"]

        def look() -> Any:
            found = self.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages", [])
            for message in found:
                handle = message["ReceiptHandle"]
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=handle)
                return json.loads(message["Body"])
            return None

        found: dict[str, Any] = until(look, name)
        return found


@pytest.fixture(scope="module")
def bus(aws: str) -> Bus:
    return Bus(aws)


def test_an_event_arrives_as_it_was_put(bus: Bus) -> None:
    bus.rule("whole", EventPattern=json.dumps({"source": ["whole"]}))
    bus.put("whole", kind="a", number=1)
    event = bus.first("whole")
    assert (event["source"], event["detail-type"]) == ("whole", "t")
    assert event["detail"] == {"kind": "a", "number": 1}
    assert event["time"].endswith("Z")


@pytest.mark.parametrize(
    "pattern",
    [
        {"detail": {"kind": ["yes"]}},
        {"detail": {"kind": [{"prefix": "ye"}]}},
        {"detail": {"kind": [{"anything-but": ["no"]}]}},
        {"detail": {"more": [{"exists": True}]}},
    ],
)
def test_a_pattern_chooses(bus: Bus, pattern: dict[str, Any]) -> None:
    name = f"chooses-{time.monotonic_ns()}"
    bus.rule(name, EventPattern=json.dumps({"source": [name], **pattern}))
    bus.put(name, kind="no")
    bus.put(name, kind="yes", more=1)
    assert bus.first(name)["detail"] == {"kind": "yes", "more": 1}


def test_a_rule_with_a_clock_alone_has_no_events(bus: Bus) -> None:
    bus.rule("clock", ScheduleExpression="rate(1 hour)")
    bus.rule("after-clock", EventPattern=json.dumps({"source": ["after"]}))
    bus.put("after")
    bus.first("after-clock")
    url = bus.sqs.get_queue_url(QueueName="clock")["QueueUrl"]
    assert "Messages" not in bus.sqs.receive_message(QueueUrl=url)


def test_a_disabled_rule_has_none(bus: Bus) -> None:
    pattern = json.dumps({"source": ["switched"]})
    bus.rule("switched", EventPattern=pattern)
    bus.events.disable_rule(Name="switched")
    bus.put("switched", turn=1)
    bus.events.enable_rule(Name="switched")
    bus.put("switched", turn=2)
    assert bus.first("switched")["detail"] == {"turn": 2}
