"""AWS's errors as lines to act on."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ops.aws.codes import (
    CREDENTIALS,
    DENIED_CODES,
    REFUSALS,
    RENEW,
    S3_PERMISSIONS,
    THROTTLED_CODES,
)
from ops.errors import OpsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.exceptions import BotoCoreError, ClientError


@contextmanager
def aws_errors(doing: str = "", service: str = "sqs") -> Iterator[None]:
    """Turn botocore's errors into OpsError: what could not be done, why, and the remedy.

    `doing` names the work in hand, such as `creating media-mail`; `service` is boto3's name of
    the one that is called.
    """
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    from ops.aws.answers import NotAwsError, is_unreadable  # noqa: PLC0415

    try:
        yield
    except ClientError as error:
        raise OpsError(_line(doing, *_refused(error, service))) from error
    except BotoCoreError as error:
        raise OpsError(_line(doing, *_unanswered(error, service))) from error
    except Exception as error:
        if not is_unreadable(error):
            raise
        raise OpsError(_line(doing, *_unanswered(NotAwsError(), service))) from error


def endpoints(service: str) -> str:
    """Return the variables that name a service's endpoint, in words."""
    return f"AWS_ENDPOINT_URL_{service.upper()} or AWS_ENDPOINT_URL"


def _reach(service: str) -> str:
    return f"check the network, the region, and {endpoints(service)} if set"


def _line(doing: str, what: str, remedy: str) -> str:
    return ": ".join(part for part in ("AWS", doing, what, remedy) if part)


def _refused(error: ClientError, service: str) -> tuple[str, str]:
    """Return what AWS answered and its remedy."""
    details: Any = error.response.get("Error", {})
    # In SQS's JSON protocol the code keeps the query protocol's prefix: AWS.SimpleQueueService.X.
    code = str(details.get("Code", "unknown")).rpartition(".")[2]
    message = " ".join(str(details.get("Message", "")).split()).rstrip(".")
    if code.isdigit() and not error.response.get("ResponseMetadata", {}).get("RequestId"):
        # AWS says a request's id with a refusal, and its code but for a HEAD.
        said = f": {message[:100]}" if message else ""
        what = f"{error.operation_name}: expected an answer of AWS's, got status {code}{said}"
        return what, f"run it again; if it stays so, {_reach(service)}"
    if code in REFUSALS:
        return REFUSALS[code]
    if code in DENIED_CODES:
        call = error.operation_name
        permission = S3_PERMISSIONS.get(call, call) if service == "s3" else call
        return f"access denied: {message}", f"allow {service}:{permission} for these credentials"
    if code in THROTTLED_CODES:
        return "AWS asks to slow down", "wait a moment and run it again"
    return f"{error.operation_name} was refused: {code}: {message}", ""


def _unanswered(error: BotoCoreError, service: str) -> tuple[str, str]:
    """Return why no answer came and the remedy."""
    from botocore import exceptions as aws  # noqa: PLC0415

    from ops.aws.answers import NotAwsError  # noqa: PLC0415

    what = " ".join(str(error).split()).rstrip(".")
    reach = _reach(service)
    remedies: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
        ((aws.NoCredentialsError, aws.PartialCredentialsError), CREDENTIALS),
        ((aws.CredentialRetrievalError, aws.TokenRetrievalError, aws.SSOError), RENEW),
        (
            (aws.ProfileNotFound,),
            "set AWS_PROFILE to a profile that aws configure list-profiles has",
        ),
        ((aws.ConnectionError, aws.HTTPClientError, aws.ReadTimeoutError), reach),
        ((NotAwsError,), f"run it again; if it stays so, {reach}"),
        ((aws.InvalidRegionError, aws.NoRegionError), "set the manifest's region"),
    )
    return what, next((remedy for kinds, remedy in remedies if isinstance(error, kinds)), "")
