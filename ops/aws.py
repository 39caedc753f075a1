"""The one place where `ops` makes AWS clients, and where AWS's errors become lines to act on."""

from __future__ import annotations

import os
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from ops.errors import Exit, OpsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from boto3.session import Session
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.loaders import Loader
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

# Commands wait for a person: one answer takes at most these, three times.
_CONNECT_SECONDS = 5
_READ_SECONDS = 15
_ATTEMPTS = 3

_CREDENTIALS = (
    "set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run aws sso login"
)
_RENEW = "renew them (aws sso login, or a new session token)"

_REFUSALS = {
    "ExpiredToken": ("the credentials have expired", _RENEW),
    "ExpiredTokenException": ("the credentials have expired", _RENEW),
    "RequestExpired": ("the request is too old for AWS", "set this machine's clock"),
    "InvalidClientTokenId": ("AWS does not know this access key", _CREDENTIALS),
    "UnrecognizedClientException": ("AWS does not know this access key", _CREDENTIALS),
    "InvalidAccessKeyId": ("AWS does not know this access key", _CREDENTIALS),
    "InvalidSignatureException": ("the secret key does not fit the access key", _CREDENTIALS),
    "SignatureDoesNotMatch": ("the secret key does not fit the access key", _CREDENTIALS),
    "BucketAlreadyExists": (
        "another account has a bucket of this name (they are worldwide)",
        "name another in the manifest",
    ),
    "OperationAborted": (
        "S3 is still at work on this bucket",
        "wait a minute and run it again",
    ),
    "ResourceInUseException": (
        "the table is still being created or changed",
        "wait a minute and run it again",
    ),
    "QueueDeletedRecently": (
        "a queue of this name was deleted less than 60 s ago",
        "wait a minute and run it again (SQS keeps the name for 60 s)",
    ),
    "QueueAlreadyExists": (
        "someone else created the queue meanwhile, otherwise than we want it",
        "run it again to see what differs",
    ),
    "QueueNameExists": (
        "someone else created the queue meanwhile, otherwise than we want it",
        "run it again to see what differs",
    ),
}
DENIED_CODES = (
    # what S3 says to a HEAD, whose answer has no body
    "403",
    "AccessDenied",
    "AccessDeniedException",
    "UnauthorizedOperation",
    "AuthorizationError",
)
"""AWS's codes for what these credentials may not do."""
EXPIRED_CODES = (
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "InvalidAccessKeyId",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
)
"""AWS's codes for credentials that are not taken, whatever is asked."""
THROTTLED_CODES = (
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottled",
    "RequestThrottledException",
    "RequestLimitExceeded",
    "ProvisionedThroughputExceededException",
    "SlowDown",
    "TooManyRequestsException",
)
"""AWS's codes for too much at once."""

# The permissions of S3 that are not named for their call (Service Authorization Reference).
_S3_PERMISSIONS = {
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "ListObjectsV2": "ListBucket",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
}


def sqs(fleet: Fleet, env: Mapping[str, str] = os.environ) -> SQSClient:
    """Return a client of SQS in the fleet's region, with boto3's own credentials and endpoints.

    AWS_ENDPOINT_URL_SQS and AWS_ENDPOINT_URL are botocore's to read. Raises OpsError where no
    region or no such profile is found, or the endpoint is no URL.
    """
    client: SQSClient = _client("sqs", fleet, env)
    return client


def sqs_calls(fleet: Fleet, env: Mapping[str, str] = os.environ) -> Sqs:
    """Return the worker's own SQS calls, for what runs on without a person: short timeouts, no
    hidden retries. Raises OpsError where no region or no such profile is found.
    """
    from worker.sqs.client import Sqs  # noqa: PLC0415

    with aws_errors():
        _session(fleet, env)
    return Sqs(fleet)


def dynamodb(fleet: Fleet, env: Mapping[str, str] = os.environ) -> DynamoDBClient:
    """Return a client of DynamoDB, as `sqs` does of SQS."""
    client: DynamoDBClient = _client("dynamodb", fleet, env)
    return client


def s3(fleet: Fleet, env: Mapping[str, str] = os.environ) -> S3Client:
    """Return a client of S3, as `sqs` does of SQS."""
    client: S3Client = _client("s3", fleet, env)
    return client


def s3_in(region: str) -> S3Client:
    """Return a client of S3 in a region, for a node that has no manifest yet.

    Raises OpsError where the endpoint is no URL.
    """
    from boto3.session import Session  # noqa: PLC0415

    with aws_errors(service="s3"):
        client: S3Client = _made("s3", Session(region_name=region))
    return client


def scheduler(fleet: Fleet, env: Mapping[str, str] = os.environ) -> EventBridgeSchedulerClient:
    """Return a client of EventBridge Scheduler, as `sqs` does of SQS."""
    client: EventBridgeSchedulerClient = _client("scheduler", fleet, env)
    return client


def autoscaling(fleet: Fleet, env: Mapping[str, str] = os.environ) -> AutoScalingClient:
    """Return a client of EC2 Auto Scaling, as `sqs` does of SQS."""
    client: AutoScalingClient = _client("autoscaling", fleet, env)
    return client


def cloudformation(fleet: Fleet, connections: int) -> CloudFormationClient:
    """Return a client of CloudFormation for several threads, each with a connection."""
    # Its limits are low and shared by the account: adaptive mode slows down before it is refused.
    client: CloudFormationClient = _client(
        "cloudformation",
        fleet,
        os.environ,
        retries={"mode": "adaptive", "total_max_attempts": 10},
        max_pool_connections=connections,
    )
    return client


def cloudwatch(fleet: Fleet, env: Mapping[str, str] = os.environ) -> CloudWatchClient:
    """Return a client of CloudWatch, as `sqs` does of SQS."""
    client: CloudWatchClient = _client("cloudwatch", fleet, env)
    return client


def ec2(fleet: Fleet, env: Mapping[str, str] = os.environ) -> EC2Client:
    """Return a client of EC2, as `sqs` does of SQS."""
    client: EC2Client = _client("ec2", fleet, env)
    return client


def sts(fleet: Fleet, env: Mapping[str, str] = os.environ) -> STSClient:
    """Return a client of STS, as `sqs` does of SQS."""
    client: STSClient = _client("sts", fleet, env)
    return client


def ecs(fleet: Fleet, env: Mapping[str, str] = os.environ) -> ECSClient:
    """Return a client of ECS, as `sqs` does of SQS."""
    client: ECSClient = _client("ecs", fleet, env)
    return client


def ssm(fleet: Fleet, env: Mapping[str, str] = os.environ) -> SSMClient:
    """Return a client of Systems Manager, as `sqs` does of SQS."""
    client: SSMClient = _client("ssm", fleet, env)
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
    return _client(
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
        return _session(fleet, env)


def _client(
    service: str,
    fleet: Fleet,
    env: Mapping[str, str],
    shared: Session | None = None,
    **options: Any,
) -> Any:
    with aws_errors(service=service):
        session: Any = _session(fleet, env) if shared is None else shared
        return _made(service, session, **options)


def _made(service: str, session: Any, **options: Any) -> Any:
    from botocore.config import Config  # noqa: PLC0415

    defaults: dict[str, Any] = {
        "connect_timeout": _CONNECT_SECONDS,
        "read_timeout": _READ_SECONDS,
        "retries": {"mode": "standard", "total_max_attempts": _ATTEMPTS},
    }
    config = Config(**{**defaults, **options})
    try:
        return session.client(service, config=config)
    except ValueError as error:
        # What botocore raises for an endpoint that is not a URL.
        raise OpsError(
            f"AWS: expected a URL such as http://127.0.0.1:5000: {error}: correct "
            f"{_endpoints(service)}",
            Exit.USAGE,
        ) from error


@contextmanager
def aws_errors(doing: str = "", service: str = "sqs") -> Iterator[None]:
    """Turn botocore's errors into OpsError: what could not be done, why, and the remedy.

    `doing` names the work in hand, such as `creating media-mail`; `service` is boto3's name of
    the one that is called.
    """
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        yield
    except ClientError as error:
        raise OpsError(_line(doing, *_refused(error, service))) from error
    except BotoCoreError as error:
        raise OpsError(_line(doing, *_unanswered(error, service))) from error


def _endpoints(service: str) -> str:
    return f"AWS_ENDPOINT_URL_{service.upper()} or AWS_ENDPOINT_URL"


def _session(fleet: Fleet, env: Mapping[str, str]) -> Session:
    import botocore.session  # noqa: PLC0415
    from boto3.session import Session  # noqa: PLC0415

    core = botocore.session.get_session()
    core.register_component("data_loader", _models(core.get_config_variable("data_path")))
    # boto3 reads AWS_DEFAULT_REGION and the profile's region, but not AWS_REGION, which every
    # other SDK and Lambda use.
    session = Session(
        region_name=fleet.region or env.get("AWS_REGION") or None, botocore_session=core
    )
    if session.region_name is None:
        raise OpsError(
            f"{fleet.path}: region: expected an AWS region, got none: "
            'add region = "eu-west-1" or set AWS_REGION',
            Exit.USAGE,
        )
    return session


@cache
def _models(places: str | None) -> Loader:
    """Return what reads the services' models, and keeps them: most of a client's making is that."""
    from botocore.loaders import create_loader  # noqa: PLC0415

    loader: Loader = create_loader(places)
    return loader


def _line(doing: str, what: str, remedy: str) -> str:
    return ": ".join(part for part in ("AWS", doing, what, remedy) if part)


def _refused(error: ClientError, service: str) -> tuple[str, str]:
    """Return what AWS answered and its remedy."""
    details: Any = error.response.get("Error", {})
    # In SQS's JSON protocol the code keeps the query protocol's prefix: AWS.SimpleQueueService.X.
    code = str(details.get("Code", "unknown")).rpartition(".")[2]
    message = str(details.get("Message", "")).strip().rstrip(".")
    if code in _REFUSALS:
        return _REFUSALS[code]
    if code in DENIED_CODES:
        call = error.operation_name
        permission = _S3_PERMISSIONS.get(call, call) if service == "s3" else call
        return f"access denied: {message}", f"allow {service}:{permission} for these credentials"
    if code in THROTTLED_CODES:
        return "AWS asks to slow down", "wait a moment and run it again"
    return f"{error.operation_name} was refused: {code}: {message}", ""


def _unanswered(error: BotoCoreError, service: str) -> tuple[str, str]:
    """Return why no answer came and the remedy."""
    from botocore import exceptions as aws  # noqa: PLC0415

    what = " ".join(str(error).split()).rstrip(".")
    reach = f"check the network, the region, and {_endpoints(service)} if set"
    remedies: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
        ((aws.NoCredentialsError, aws.PartialCredentialsError), _CREDENTIALS),
        ((aws.CredentialRetrievalError, aws.TokenRetrievalError, aws.SSOError), _RENEW),
        (
            (aws.ProfileNotFound,),
            "set AWS_PROFILE to a profile that aws configure list-profiles has",
        ),
        ((aws.ConnectionError, aws.HTTPClientError, aws.ReadTimeoutError), reach),
        ((aws.InvalidRegionError, aws.NoRegionError), "set the manifest's region"),
    )
    return what, next((remedy for kinds, remedy in remedies if isinstance(error, kinds)), "")
