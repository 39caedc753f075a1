"""A client for each service that `ops` calls, and for what runs on without a person."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ops.aws import making
from ops.aws.errors import aws_errors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from boto3.session import Session
    from mypy_boto3_autoscaling import AutoScalingClient
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_scheduler import EventBridgeSchedulerClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_sts import STSClient

    from worker.fleet import Fleet
    from worker.sqs.client import Sqs


def sqs(fleet: Fleet, env: Mapping[str, str] = os.environ) -> SQSClient:
    """Return a client of SQS in the fleet's region, with boto3's own credentials and endpoints.

    AWS_ENDPOINT_URL_SQS and AWS_ENDPOINT_URL are botocore's to read. Raises OpsError where no
    region or no such profile is found, or the endpoint is no URL.
    """
    client: SQSClient = making.client("sqs", fleet, env)
    return client


def sqs_calls(fleet: Fleet, env: Mapping[str, str] = os.environ) -> Sqs:
    """Return the worker's own SQS calls, for what runs on without a person: short timeouts, no
    hidden retries. Raises OpsError where no region or no such profile is found.
    """
    from worker.sqs.client import Sqs  # noqa: PLC0415

    with aws_errors():
        making.session(fleet, env)
    return Sqs(fleet)


def dynamodb(fleet: Fleet, env: Mapping[str, str] = os.environ) -> DynamoDBClient:
    """Return a client of DynamoDB, as `sqs` does of SQS."""
    client: DynamoDBClient = making.client("dynamodb", fleet, env)
    return client


def s3(fleet: Fleet, env: Mapping[str, str] = os.environ) -> S3Client:
    """Return a client of S3, as `sqs` does of SQS."""
    client: S3Client = making.client("s3", fleet, env)
    return client


def s3_in(region: str) -> S3Client:
    """Return a client of S3 in a region, for a node that has no manifest yet.

    Raises OpsError where the endpoint is no URL.
    """
    from boto3.session import Session  # noqa: PLC0415

    with aws_errors(service="s3"):
        client: S3Client = making.client_of("s3", Session(region_name=region))
    return client


def scheduler(fleet: Fleet, env: Mapping[str, str] = os.environ) -> EventBridgeSchedulerClient:
    """Return a client of EventBridge Scheduler, as `sqs` does of SQS."""
    client: EventBridgeSchedulerClient = making.client("scheduler", fleet, env)
    return client


def autoscaling(fleet: Fleet, env: Mapping[str, str] = os.environ) -> AutoScalingClient:
    """Return a client of EC2 Auto Scaling, as `sqs` does of SQS."""
    client: AutoScalingClient = making.client("autoscaling", fleet, env)
    return client


def cloudformation(fleet: Fleet, connections: int) -> CloudFormationClient:
    """Return a client of CloudFormation for several threads, each with a connection."""
    # Its limits are low and shared by the account: adaptive mode slows down before it is refused,
    # and a refusal is tried again more often than silence.
    client: CloudFormationClient = making.client(
        "cloudformation",
        fleet,
        os.environ,
        retries={"mode": "adaptive", "total_max_attempts": 10},
        max_pool_connections=connections,
    )
    client.meta.events.register_first("needs-retry.cloudformation", making.give_up)
    return client


def cloudwatch(fleet: Fleet, env: Mapping[str, str] = os.environ) -> CloudWatchClient:
    """Return a client of CloudWatch, as `sqs` does of SQS."""
    client: CloudWatchClient = making.client("cloudwatch", fleet, env)
    return client


def ec2(fleet: Fleet, env: Mapping[str, str] = os.environ) -> EC2Client:
    """Return a client of EC2, as `sqs` does of SQS."""
    client: EC2Client = making.client("ec2", fleet, env)
    return client


def sts(fleet: Fleet, env: Mapping[str, str] = os.environ) -> STSClient:
    """Return a client of STS, as `sqs` does of SQS."""
    client: STSClient = making.client("sts", fleet, env)
    return client


def ecs(fleet: Fleet, env: Mapping[str, str] = os.environ) -> ECSClient:
    """Return a client of ECS, as `sqs` does of SQS."""
    client: ECSClient = making.client("ecs", fleet, env)
    return client


def ssm(fleet: Fleet, env: Mapping[str, str] = os.environ) -> SSMClient:
    """Return a client of Systems Manager, as `sqs` does of SQS."""
    client: SSMClient = making.client("ssm", fleet, env)
    return client


def unattended(
    service: str,
    fleet: Fleet,
    *,
    read_seconds: float,
    attempts: int,
    connections: int = 10,
    session: Session | None = None,
    env: Mapping[str, str] = os.environ,
) -> Any:
    """Return a client of `service` for what runs on without a person, safe between threads.

    An answer may take `read_seconds`; `attempts` 1 sends a request once, whatever comes back;
    `connections` are kept open; `session` is one that several clients share. Raises OpsError as
    `sqs` does.
    """
    return making.client(
        service,
        fleet,
        env,
        session,
        connect_timeout=min(3.0, read_seconds),
        read_timeout=read_seconds,
        retries={"mode": "standard", "total_max_attempts": attempts},
        max_pool_connections=connections,
        tcp_keepalive=True,
        # Said once: botocore's own is put together anew for every call, a sixth of its cost.
        user_agent="celery-sqs-fleet",
    )


def session_of(fleet: Fleet, env: Mapping[str, str] = os.environ) -> Session:
    """Return a session for several clients: a session of its own costs each 10 MB of AWS's models.

    Raises OpsError where no region or no such profile is found.
    """
    with aws_errors():
        return making.session(fleet, env)
