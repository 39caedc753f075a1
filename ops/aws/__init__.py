"""The one place where `ops` makes AWS clients, and where AWS's errors become lines to act on."""

from ops.aws.clients import (
    autoscaling,
    cloudformation,
    cloudwatch,
    dynamodb,
    ec2,
    ecs,
    s3,
    s3_in,
    scheduler,
    session_of,
    sqs,
    sqs_calls,
    ssm,
    sts,
    unattended,
)
from ops.aws.codes import DENIED_CODES, EXPIRED_CODES, THROTTLED_CODES
from ops.aws.errors import aws_errors

__all__ = [
    "DENIED_CODES",
    "EXPIRED_CODES",
    "THROTTLED_CODES",
    "autoscaling",
    "aws_errors",
    "cloudformation",
    "cloudwatch",
    "dynamodb",
    "ec2",
    "ecs",
    "s3",
    "s3_in",
    "scheduler",
    "session_of",
    "sqs",
    "sqs_calls",
    "ssm",
    "sts",
    "unattended",
]
