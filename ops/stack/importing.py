"""What is there before its stack is: found by its name, and imported instead of made anew.

CloudFormation cannot do so by itself here: its automatic import knows a queue by its URL alone,
which no template can say (CloudFormation User Guide, "Import AWS resources automatically").
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ops import aws
from ops.stack import as_found
from ops.stack.bucket import find_bucket, find_policy, tag_bucket
from ops.stack.changes import Change
from ops.stack.importable import BUCKET, CLUSTER, LOG_GROUP, POLICY, QUEUE, SCHEDULES, TABLE
from ops.stack.whose import Found

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_scheduler import EventBridgeSchedulerClient
    from mypy_boto3_sqs import SQSClient

    from ops.stack.compose import StackPlan
    from ops.stack.importable import Importable
    from ops.stack.whose import Import
    from worker.fleet import Fleet

Tags = Mapping[str, str]


class Finder:
    """Looks for what could be imported, and makes it the fleet's."""

    def __init__(self, fleet: Fleet) -> None:
        self._client = partial(_client, fleet, {})

    def look(self, plan: StackPlan, but: Collection[str] = ()) -> dict[str, Found]:
        """Return what of a plan is there already, by logical id, `but` what its stack has.

        Raises OpsError.
        """
        found = {name: self._found(one) for name, one in plan.imports.items() if name not in but}
        return {name: one for name, one in found.items() if one is not None}

    def tag(self, imports: Mapping[str, Import]) -> None:
        """Give what is to be imported the fleet's tags that it lacks. Raises OpsError.

        An update sets none that its stack had before, and the stack has them from the import on.
        """
        for each in imports.values():
            if each.lacks:
                kind = _KINDS[each.one.type]
                with aws.aws_errors(f"tagging {each.one.name}", service=kind.service):
                    kind.tag(self._client(kind.service), each.found, each.lacks)

    def _found(self, one: Importable) -> Found | None:
        kind = _KINDS[one.type]
        with aws.aws_errors(f"looking for {one.name}", service=kind.service):
            return kind.look(self._client(kind.service), one.name)


def _client(fleet: Fleet, made: dict[str, Any], service: str) -> Any:
    if service not in made:
        made[service] = aws.unattended(service, fleet, read_seconds=15, attempts=3)
    return made[service]


def _queue(sqs: SQSClient, name: str) -> Found | None:
    try:
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        tags = sqs.list_queue_tags(QueueUrl=url).get("Tags", {})
        has = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    except sqs.exceptions.QueueDoesNotExist:
        return None
    return Found(url, tags, properties=as_found.queue(has))


def _tag_queue(sqs: SQSClient, found: Found, tags: Tags) -> None:
    sqs.tag_queue(QueueUrl=found.id, Tags=dict(tags))


def _table(dynamodb: DynamoDBClient, name: str) -> Found | None:
    try:
        table = dynamodb.describe_table(TableName=name)["Table"]
        arn = table["TableArn"]
        pages = list(dynamodb.get_paginator("list_tags_of_resource").paginate(ResourceArn=arn))
        ttl = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        backups = dynamodb.describe_continuous_backups(TableName=name)
    except dynamodb.exceptions.ResourceNotFoundException:
        return None
    tags = {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}
    description = backups["ContinuousBackupsDescription"]
    return Found(name, tags, arn, properties=as_found.table(table, ttl, description))


def _tag_table(dynamodb: DynamoDBClient, found: Found, tags: Tags) -> None:
    dynamodb.tag_resource(
        ResourceArn=found.arn, Tags=[{"Key": key, "Value": value} for key, value in tags.items()]
    )


def _log_group(logs: CloudWatchLogsClient, name: str) -> Found | None:
    # Names come in their order: the one itself before those that it begins.
    groups = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    for one in groups:
        if one.get("logGroupName") == name:
            # Of its two forms of an ARN, tags know the one without an end.
            arn = one.get("arn", "").removesuffix(":*")
            tags = logs.list_tags_for_resource(resourceArn=arn).get("tags", {})
            return Found(name, tags, arn, properties=as_found.log_group(one))
    return None


def _tag_log_group(logs: CloudWatchLogsClient, found: Found, tags: Tags) -> None:
    logs.tag_resource(resourceArn=found.arn, tags=dict(tags))


def _cluster(ecs: ECSClient, name: str) -> Found | None:
    asked = ecs.describe_clusters(clusters=[name], include=["SETTINGS", "TAGS"])
    for one in asked["clusters"]:
        if one.get("status") == "ACTIVE":
            tags = {each.get("key", ""): each.get("value", "") for each in one.get("tags", [])}
            arn = one.get("clusterArn", "")
            return Found(name, tags, arn, properties=as_found.cluster(one))
    return None


def _tag_cluster(ecs: ECSClient, found: Found, tags: Tags) -> None:
    ecs.tag_resource(
        resourceArn=found.arn, tags=[{"key": key, "value": value} for key, value in tags.items()]
    )


def _schedules(scheduler: EventBridgeSchedulerClient, name: str) -> Found | None:
    try:
        arn = scheduler.get_schedule_group(Name=name)["Arn"]
        tags = scheduler.list_tags_for_resource(ResourceArn=arn).get("Tags", [])
    except scheduler.exceptions.ResourceNotFoundException:
        return None
    return Found(name, {each["Key"]: each["Value"] for each in tags}, arn)


def _tag_schedules(scheduler: EventBridgeSchedulerClient, found: Found, tags: Tags) -> None:
    scheduler.tag_resource(
        ResourceArn=found.arn, Tags=[{"Key": key, "Value": value} for key, value in tags.items()]
    )


def _tag_nothing(_client: Any, _found: Found, _tags: Tags) -> None:
    """Do nothing: it carries no tags."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """How what is of a type is looked for by its name, and tagged, on which service."""

    service: str
    look: Callable[[Any, str], Found | None]
    tag: Callable[[Any, Found, Tags], None]


_KINDS: Final[Mapping[str, _Kind]] = {
    BUCKET: _Kind("s3", find_bucket, tag_bucket),
    CLUSTER: _Kind("ecs", _cluster, _tag_cluster),
    LOG_GROUP: _Kind("logs", _log_group, _tag_log_group),
    POLICY: _Kind("s3", find_policy, _tag_nothing),
    QUEUE: _Kind("sqs", _queue, _tag_queue),
    SCHEDULES: _Kind("scheduler", _schedules, _tag_schedules),
    TABLE: _Kind("dynamodb", _table, _tag_table),
}


def as_imports(changes: tuple[Change, ...], imports: Mapping[str, Import]) -> tuple[Change, ...]:
    """Return a stack's changes with what is there already imported, not created."""
    return tuple(
        replace(change, action="import", physical_id=imports[change.logical_id].found.id)
        if change.logical_id in imports
        else change
        for change in changes
    )
