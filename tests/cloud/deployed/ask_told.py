"""Logs, their delivery, alarms and whom they are told, as their services tell them."""

from __future__ import annotations

import json

from tests.cloud.deployed.asking import Facts, Question, Resource, last


def log_group(it: Resource) -> Facts | None:
    answer = it.call("logs", "describe_log_groups", logGroupNamePrefix=it.physical)
    found = [each for each in answer["logGroups"] if each["logGroupName"] == it.physical]
    if not found:
        return None
    return {"name": it.physical, "kept_days": found[0].get("retentionInDays")}


def subscription_filter(it: Resource) -> Facts | None:
    group = it.properties["LogGroupName"]
    absent = "ResourceNotFoundException"
    answer = it.found(absent, "logs", "describe_subscription_filters", logGroupName=group)
    found = [
        each
        for each in (answer or {"subscriptionFilters": []})["subscriptionFilters"]
        if each["filterName"] == it.physical
    ]
    if not found:
        return None
    return {
        "of": group,
        "to": last(found[0]["destinationArn"]),
        "as": last(found[0]["roleArn"]),
        "only": found[0]["filterPattern"],
    }


def delivery_stream(it: Resource) -> Facts | None:
    name = {"DeliveryStreamName": it.physical}
    absent = "ResourceNotFoundException"
    answer = it.found(absent, "firehose", "describe_delivery_stream", **name)
    if answer is None:
        return None
    found = answer["DeliveryStreamDescription"]
    (place,) = found["Destinations"]
    to = place["ExtendedS3DestinationDescription"]
    steps = to.get("ProcessingConfiguration", {})
    return {
        "status": found["DeliveryStreamStatus"],
        "encrypted": found["DeliveryStreamEncryptionConfiguration"]["KeyType"],
        "bucket": last(to["BucketARN"]),
        "as": last(to["RoleARN"]),
        "prefixes": (to["Prefix"], to["ErrorOutputPrefix"]),
        "packed": to["CompressionFormat"],
        "steps": [each["Type"] for each in steps["Processors"]] if steps.get("Enabled") else [],
    }


def alarm(it: Resource) -> Facts | None:
    found = it.call("cloudwatch", "describe_alarms", AlarmNames=[it.physical])["MetricAlarms"]
    if not found:
        return None
    (told,) = found
    (dimension,) = told["Dimensions"]
    return {
        "metric": (told["Namespace"], told["MetricName"], told["Statistic"]),
        "of": dimension["Value"],
        "when": (
            told["ComparisonOperator"],
            told["Threshold"],
            told["Period"],
            told["EvaluationPeriods"],
        ),
        "without_data": told["TreatMissingData"],
        "tells": (*map(last, told["AlarmActions"]), *map(last, told["OKActions"])),
        "acts": told["ActionsEnabled"],
    }


def key(it: Resource) -> Facts | None:
    name = {"KeyId": it.physical}
    found = it.found("NotFoundException", "kms", "describe_key", **name)
    # A key that is deleted waits for its end, and does nothing any more.
    if found is None or found["KeyMetadata"]["KeyState"] == "PendingDeletion":
        return None
    policy = json.loads(it.call("kms", "get_key_policy", PolicyName="default", **name)["Policy"])
    return {
        "state": found["KeyMetadata"]["KeyState"],
        "rotates": it.call("kms", "get_key_rotation_status", **name)["KeyRotationEnabled"],
        "who": {each["Sid"]: each["Principal"] for each in policy["Statement"]},
        "may": {each["Sid"]: each["Action"] for each in policy["Statement"]},
    }


def topic(it: Resource) -> Facts | None:
    answer = it.found("NotFound", "sns", "get_topic_attributes", TopicArn=it.physical)
    if answer is None:
        return None
    told = it.call("sns", "list_subscriptions_by_topic", TopicArn=it.physical)["Subscriptions"]
    return {
        "key": last(answer["Attributes"]["KmsMasterKeyId"]),
        "told": sorted((each["Protocol"], each["Endpoint"]) for each in told),
    }


def topic_policy(it: Resource) -> Facts | None:
    (arn,) = it.properties["Topics"]
    answer = it.found("NotFound", "sns", "get_topic_attributes", TopicArn=arn)
    policy = {} if answer is None else json.loads(answer["Attributes"]["Policy"])
    found = [each for each in policy.get("Statement", []) if each["Sid"] == "Alarms"]
    if not found:
        return None
    (statement,) = found
    return {
        "says": (statement["Effect"], statement["Principal"], statement["Action"]),
        "of": statement["Resource"] == arn,
        "where": statement["Condition"],
    }


def subscription(it: Resource) -> Facts | None:
    absent = "NotFound ResourceNotFound"
    arn = {"SubscriptionArn": it.physical}
    answer = it.found(absent, "sns", "get_subscription_attributes", **arn)
    if answer is None:
        return None
    told = answer["Attributes"]
    return {"of": last(told["TopicArn"]), "to": (told["Protocol"], told["Endpoint"])}


QUESTIONS: dict[str, Question] = {
    "AWS::CloudWatch::Alarm": alarm,
    "AWS::KMS::Key": key,
    "AWS::KinesisFirehose::DeliveryStream": delivery_stream,
    "AWS::Logs::LogGroup": log_group,
    "AWS::Logs::SubscriptionFilter": subscription_filter,
    "AWS::SNS::Subscription": subscription,
    "AWS::SNS::Topic": topic,
    "AWS::SNS::TopicPolicy": topic_policy,
}
