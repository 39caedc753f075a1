"""The part of the conformance suite that is about queues; see tests/cloud for the messages."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.sqs.callers import SERVERS, attributes_of, code_of, make_client, new_queue, running

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


@pytest.fixture(scope="module", params=SERVERS)
def sqs(request: pytest.FixtureRequest) -> Iterator[SQSClient]:
    with running(request.param) as url:
        yield make_client(url)


def test_create_queue_again_with_the_same_attributes_gives_the_same_url(sqs: SQSClient) -> None:
    name = f"q-{uuid.uuid4().hex}"
    first = sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "7"})["QueueUrl"]
    again = sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "7"})["QueueUrl"]
    assert first == again
    assert sqs.get_queue_url(QueueName=name)["QueueUrl"] == first


def test_create_queue_again_with_other_attributes_is_refused(sqs: SQSClient) -> None:
    name = f"q-{uuid.uuid4().hex}"
    sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "7"})
    with pytest.raises(sqs.exceptions.QueueNameExists) as raised:
        sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "8"})
    assert code_of(raised) == "QueueAlreadyExists"


def test_a_queue_that_does_not_exist(sqs: SQSClient) -> None:
    url = new_queue(sqs)
    sqs.delete_queue(QueueUrl=url)
    with pytest.raises(sqs.exceptions.QueueDoesNotExist) as raised:
        sqs.get_queue_url(QueueName="never-made")
    assert code_of(raised) == "NonExistentQueue"
    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        sqs.send_message(QueueUrl=url, MessageBody="x")
    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        sqs.receive_message(QueueUrl=url)


def test_a_queue_belongs_to_its_region(sqs: SQSClient) -> None:
    url = new_queue(sqs)
    elsewhere = make_client(sqs.meta.endpoint_url, region="us-west-2")
    with pytest.raises(elsewhere.exceptions.QueueDoesNotExist):
        elsewhere.get_queue_url(QueueName=url.rpartition("/")[2])


def test_list_queues_by_prefix_and_in_pages(sqs: SQSClient) -> None:
    prefix = f"list-{uuid.uuid4().hex[:8]}"
    assert "QueueUrls" not in sqs.list_queues(QueueNamePrefix=prefix)
    urls = [sqs.create_queue(QueueName=f"{prefix}-{n}")["QueueUrl"] for n in range(3)]
    assert sorted(sqs.list_queues(QueueNamePrefix=prefix)["QueueUrls"]) == urls
    page = sqs.list_queues(QueueNamePrefix=prefix, MaxResults=2)
    rest = sqs.list_queues(QueueNamePrefix=prefix, MaxResults=2, NextToken=page["NextToken"])
    assert sorted(page["QueueUrls"] + rest["QueueUrls"]) == urls
    assert "NextToken" not in rest


def test_attributes_have_defaults_and_can_be_set(sqs: SQSClient) -> None:
    url = new_queue(sqs)
    found = attributes_of(sqs, url)
    assert found["VisibilityTimeout"] == "30"
    assert found["DelaySeconds"] == "0"
    assert found["MaximumMessageSize"] == "1048576"
    assert found["MessageRetentionPeriod"] == "345600"
    assert found["ReceiveMessageWaitTimeSeconds"] == "0"
    assert found["QueueArn"].startswith("arn:aws:sqs:eu-west-1:123456789012:q-")
    assert "RedrivePolicy" not in found
    # moto gives fractions of a second here; SQS and ours do not.
    assert abs(float(found["CreatedTimestamp"]) - time.time()) < 60
    wanted: Any = {
        "VisibilityTimeout": "60",
        "MessageRetentionPeriod": "1209600",
        "SqsManagedSseEnabled": "true",
    }
    sqs.set_queue_attributes(QueueUrl=url, Attributes=wanted)
    assert attributes_of(sqs, url, *wanted) == wanted


def test_an_unknown_attribute_is_refused(sqs: SQSClient) -> None:
    url = new_queue(sqs)
    with pytest.raises(sqs.exceptions.InvalidAttributeName):
        attributes_of(sqs, url, "Colour")


@pytest.mark.parametrize("size", ["1023", "1048577"])
def test_an_attribute_out_of_bounds_is_refused(sqs: SQSClient, size: str) -> None:
    with pytest.raises(sqs.exceptions.InvalidAttributeValue):
        new_queue(sqs, MaximumMessageSize=size)


def test_a_queue_name_of_foreign_characters_is_refused(sqs: SQSClient) -> None:
    with pytest.raises(ClientError) as raised:
        sqs.create_queue(QueueName="not/a/name")
    assert code_of(raised) == "InvalidParameterValue"


def test_tags(sqs: SQSClient) -> None:
    name = f"q-{uuid.uuid4().hex}"
    url = sqs.create_queue(QueueName=name, tags={"fleet:name": "acme", "a": "1"})["QueueUrl"]
    sqs.tag_queue(QueueUrl=url, Tags={"fleet:queue": "video", "a": "2"})
    sqs.untag_queue(QueueUrl=url, TagKeys=["fleet:name"])
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"fleet:queue": "video", "a": "2"}
    assert not sqs.list_queue_tags(QueueUrl=new_queue(sqs)).get("Tags")
