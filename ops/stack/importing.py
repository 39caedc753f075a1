"""What is there before its stack is: found by its name, and imported instead of made anew.

CloudFormation cannot do so by itself here: its automatic import knows a queue by its URL alone,
which no template can say (CloudFormation User Guide, "Import AWS resources automatically").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ops import aws
from ops.stack.bucket import bucket_is_there
from ops.stack.changes import Change

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_scheduler import EventBridgeSchedulerClient
    from mypy_boto3_sqs import SQSClient

    from ops.stack.compose import Importable, StackPlan
    from worker.fleet import Fleet

Import = Mapping[str, Any]
"""An entry of CreateChangeSet's ResourcesToImport."""


class Finder:
    """Looks for what could be imported."""

    def __init__(self, fleet: Fleet) -> None:
        self._client = partial(_client, fleet, {})

    def existing(self, plan: StackPlan) -> dict[str, Import]:
        """Return what of a plan is there already, by logical id. Raises OpsError."""
        found = {name: self._identifier(one) for name, one in plan.imports.items()}
        return {
            name: {
                "ResourceType": plan.imports[name].type,
                "LogicalResourceId": name,
                "ResourceIdentifier": {plan.imports[name].identifier: identifier},
            }
            for name, identifier in found.items()
            if identifier
        }

    def _identifier(self, one: Importable) -> str:
        """Return what CloudFormation knows it by, "" where it is not there."""
        service, look = _LOOKS[one.type]
        with aws.aws_errors(f"looking for {one.name}", service=service):
            return look(self._client(service), one.name)


def _client(fleet: Fleet, made: dict[str, Any], service: str) -> Any:
    if service not in made:
        made[service] = aws.unattended(service, fleet, read_seconds=15, attempts=3)
    return made[service]


def _queue(sqs: SQSClient, name: str) -> str:
    try:
        return sqs.get_queue_url(QueueName=name)["QueueUrl"]
    except sqs.exceptions.QueueDoesNotExist:
        return ""


def _table(dynamodb: DynamoDBClient, name: str) -> str:
    try:
        dynamodb.describe_table(TableName=name)
    except dynamodb.exceptions.ResourceNotFoundException:
        return ""
    return name


def _bucket(s3: S3Client, name: str) -> str:
    return name if bucket_is_there(s3, name) else ""


def _log_group(logs: CloudWatchLogsClient, name: str) -> str:
    found = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    return next((name for one in found if one.get("logGroupName") == name), "")


def _cluster(ecs: ECSClient, name: str) -> str:
    found = ecs.describe_clusters(clusters=[name])["clusters"]
    return next((name for one in found if one.get("status") == "ACTIVE"), "")


def _schedule_group(scheduler: EventBridgeSchedulerClient, name: str) -> str:
    try:
        scheduler.get_schedule_group(Name=name)
    except scheduler.exceptions.ResourceNotFoundException:
        return ""
    return name


_LOOKS: Final[Mapping[str, tuple[str, Callable[[Any, str], str]]]] = {
    "AWS::DynamoDB::Table": ("dynamodb", _table),
    "AWS::ECS::Cluster": ("ecs", _cluster),
    "AWS::Logs::LogGroup": ("logs", _log_group),
    "AWS::S3::Bucket": ("s3", _bucket),
    "AWS::SQS::Queue": ("sqs", _queue),
    "AWS::Scheduler::ScheduleGroup": ("scheduler", _schedule_group),
}


def as_imports(changes: tuple[Change, ...], imports: Mapping[str, Import]) -> tuple[Change, ...]:
    """Return a new stack's changes with what is there already imported, not created."""
    return tuple(
        replace(change, action="import", physical_id=_known_by(imports[change.logical_id]))
        if change.logical_id in imports
        else change
        for change in changes
    )


def _known_by(one: Import) -> str:
    return str(next(iter(one["ResourceIdentifier"].values())))
