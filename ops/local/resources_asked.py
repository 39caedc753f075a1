"""The resources and condition keys of a request, as policies name them. Pure.

The forms of ARNs and the keys are the Service Authorization Reference's, of the services that a
fleet uses. A request that names nothing, or a service that is not here, has none: its permission
is one on `*`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from ops.local.asked import Asked

#: For each service: the parameter, and the ARN's resource with the value in it.
_FORMS: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "autoscaling": (
        ("AutoScalingGroupName", "autoScalingGroup:*:autoScalingGroupName/{}"),
        ("AutoScalingGroupNames", "autoScalingGroup:*:autoScalingGroupName/{}"),
    ),
    "cloudformation": (("StackName", "stack/{}/*"),),
    "cloudwatch": (("AlarmName", "alarm:{}"), ("AlarmNames", "alarm:{}")),
    "codedeploy": (("applicationName", "application:{}"),),
    "dynamodb": (("TableName", "table/{}"),),
    "ecs": (
        ("service", "service/{cluster}/{}"),
        ("services", "service/{cluster}/{}"),
        ("task", "task/{cluster}/{}"),
        ("tasks", "task/{cluster}/{}"),
    ),
    "events": (("Rule", "rule/{}"), ("Name", "rule/{}")),
    "firehose": (("DeliveryStreamName", "deliverystream/{}"),),
    "iam": (
        ("RoleName", "role/{}"),
        ("InstanceProfileName", "instance-profile/{}"),
        ("PolicyArn", "{}"),
    ),
    "lambda": (("FunctionName", "function:{}"),),
    "logs": (("logGroupName", "log-group:{}"),),
    "scheduler": (("GroupName", "schedule-group/{}"),),
    "sns": (("TopicArn", "{}"), ("Name", "{}")),
    "sqs": (("QueueName", "{}"), ("QueueUrl", "{}")),
    "ssm": (
        ("DocumentName", "document/{}"),
        ("InstanceIds", "instance/{}"),
        ("Name", "parameter/{}"),
        ("Names", "parameter/{}"),
    ),
}
_NO_REGION: Final = {"iam"}
_ARNS: Final = {"Resource", "ResourceARN", "ResourceArn", "resourceArn"}
_BATCHES: Final = {"RequestItems", "TransactItems"}
#: The registry's partition key (`ops.registry.names`), and how a query asks for one.
_PARTITION: Final = "fleet"
_EQUALS: Final = re.compile(r"\s*(#?\w+)\s*=\s*(:\w+)")
#: A transaction is allowed by what it does (Developer Guide, "Using IAM with DynamoDB
#: transactions").
_TRANSACTED: Final = {
    "ConditionCheck": "dynamodb:ConditionCheckItem",
    "Delete": "dynamodb:DeleteItem",
    "Put": "dynamodb:PutItem",
    "Update": "dynamodb:UpdateItem",
}
_DOCUMENTS: Final = re.compile(r".*Document.*")


def resources_of(question: Asked, account: str) -> tuple[str, ...]:
    """Return the ARNs of what a request names."""
    if question.service == "s3":
        return _in_s3(question.parameters)
    service, region = question.service, question.region
    region = "" if service in _NO_REGION else region
    prefix = f"arn:{_partition(question.region)}:{service}:{region}:{account}:"
    found: list[str] = []
    for name, form in _FORMS.get(service, ()):
        if service == "ssm" and name == "Name" and _DOCUMENTS.fullmatch(question.operation):
            form = "document/{}"  # noqa: PLW2901
        for value in _values(question.parameters.get(name)):
            text = value.rpartition("/")[2] if name == "QueueUrl" else value
            form = form.replace("{cluster}", _cluster(question))  # noqa: PLW2901
            # Parameters of hierarchies begin with the slash that follows the word.
            text = text.lstrip("/") if form.startswith("parameter") else text
            instance = form.startswith("instance/")
            owner = prefix.replace(":ssm:", ":ec2:") if instance else prefix
            found.append(text if text.startswith("arn:") else owner + form.format(text))
    if service == "ecs" and not found and _cluster(question):
        # By its service or not, ListTasks is one of container instances.
        listing = question.operation == "ListTasks"
        kind = "container-instance/{}/*" if listing else "cluster/{}"
        found.append(prefix + kind.format(_cluster(question)))
    for name in _ARNS & set(question.parameters):
        found += _values(question.parameters[name])
    for name in _BATCHES & set(question.parameters):
        found += [f"{prefix}table/{table}" for table in _tables(question.parameters[name])]
    for value in _values(question.parameters.get("IndexName")):
        found += [f"{each}/index/{value}" for each in found[:1]]
    return tuple(dict.fromkeys(found))


def conditions_of(question: Asked, account: str) -> dict[str, str | list[str]]:
    """Return the condition keys that policies of a fleet use, as far as a request tells them."""
    found: dict[str, str | list[str]] = {"aws:RequestedRegion": question.region}
    parameters = question.parameters
    for key, service, name in (
        ("cloudwatch:namespace", "cloudwatch", "Namespace"),
        ("iam:PassedToService", "iam", "AWSServiceName"),
        ("s3:prefix", "s3", "Prefix"),
    ):
        value = parameters.get(name)
        if question.service == service and isinstance(value, str):
            found[key] = value
    if question.service == "ecs" and (cluster := _cluster(question)):
        owner = f"arn:{_partition(question.region)}:ecs:{question.region}:{account}:"
        found["ecs:cluster"] = f"{owner}cluster/{cluster}"
    for tag in parameters.get("Tags") or ():
        if isinstance(tag, Mapping) and {"Key", "Value"} <= set(tag):
            found[f"aws:RequestTag/{tag['Key']}"] = str(tag["Value"])
    if question.service == "dynamodb":
        leading = sorted(set(_leading(parameters)))
        if leading:
            found["dynamodb:LeadingKeys"] = leading
    return found


def operations_of(question: Asked, account: str) -> tuple[tuple[str, str], ...]:
    """Return what a transaction does to which table: pairs of an action and an ARN."""
    if (question.service, question.operation) != ("dynamodb", "TransactWriteItems"):
        return ()
    prefix = f"arn:{_partition(question.region)}:dynamodb:{question.region}:{account}:table/"
    return tuple(
        (_TRANSACTED[kind], f"{prefix}{operation['TableName']}")
        for item in question.parameters.get("TransactItems") or ()
        for kind, operation in item.items()
        if kind in _TRANSACTED
    )


def _leading(parameters: Mapping[str, Any]) -> list[str]:
    """Return the partition keys of items, where these are the fleet's name; no others' are told."""
    items = [parameters.get("Key"), parameters.get("Item")]
    for transacted in parameters.get("TransactItems") or ():
        items += [each.get(name) for each in transacted.values() for name in ("Key", "Item")]
    found = [item[_PARTITION] for item in items if isinstance(item, Mapping) and _PARTITION in item]
    asked = _EQUALS.match(str(parameters.get("KeyConditionExpression", "")))
    if asked is not None:
        names = parameters.get("ExpressionAttributeNames") or {}
        if names.get(asked[1], asked[1]) == _PARTITION:
            found.append((parameters.get("ExpressionAttributeValues") or {}).get(asked[2], {}))
    return [str(value["S"]) for value in found if "S" in value]


def _in_s3(parameters: Mapping[str, Any]) -> tuple[str, ...]:
    bucket, key = parameters.get("Bucket"), parameters.get("Key")
    if not isinstance(bucket, str):
        return ()
    arn = f"arn:aws:s3:::{bucket}"
    return (f"{arn}/{key}",) if isinstance(key, str) else (arn,)


def _cluster(question: Asked) -> str:
    """Return the name of the cluster that a request of ECS names, empty for none."""
    named = question.parameters.get("cluster")
    return named.rpartition("/")[2] if isinstance(named, str) else ""


def _values(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _tables(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [str(name) for name in value]
    return [
        operation["TableName"]
        for item in value or ()
        for operation in item.values()
        if isinstance(operation, Mapping) and "TableName" in operation
    ]


def _partition(region: str) -> str:
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"
