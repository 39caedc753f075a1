"""Why a value is unknown, in words that begin alike: what differs in remedy differs in its word."""

from __future__ import annotations

from typing import Any, Final

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ReadTimeoutError,
)

from ops.aws import DENIED_CODES, EXPIRED_CODES, THROTTLED_CODES
from ops.aws.answers import NotAwsError
from ops.errors import OpsError

TIMED_OUT: Final = "timed out"
_ABSENT: Final = {
    "NonExistentQueue",
    "QueueDoesNotExist",
    "ClusterNotFoundException",
    "ResourceNotFoundException",
    "ServiceNotFoundException",
}
_WORDS: Final[tuple[tuple[tuple[type[Exception], ...], str], ...]] = (
    ((NoCredentialsError, PartialCredentialsError, NoRegionError), "denied"),
    ((ReadTimeoutError,), TIMED_OUT),
    ((ConnectionError, HTTPClientError), "no answer"),
    ((NotAwsError,), "malformed"),
    ((BotoCoreError,), "failed"),
)
_BUSY: Final = {
    "ScalingActivityInProgress",
    "ScalingActivityInProgressFault",
    "ResourceContention",
    "ResourceContentionFault",
}


def code_of(error: ClientError) -> str:
    """Return AWS's code of an error, without the prefix of SQS's older protocol."""
    details: Any = error.response.get("Error", {})
    return str(details.get("Code", "")).rpartition(".")[2]


def trouble(error: Exception, permission: str) -> str:
    """Return why a call brought nothing, beginning with one of these words.

    `denied`, `throttled`, `busy`, `absent`, `timed out`, `no answer`, `malformed`, `failed`.
    `permission` is the call's, such as `sqs:GetQueueAttributes`.
    """
    if isinstance(error, OpsError):
        cause = error.__cause__
        if isinstance(cause, ClientError) and code_of(cause) in _ABSENT:
            return f"absent: {error}"  # it names what is not there, and how to create it
        return trouble(cause, permission) if isinstance(cause, Exception) else f"failed: {error}"
    if isinstance(error, ClientError):
        return _refusal(error, permission)
    # What botocore's parsers raise is none of these, nor what we raise of an incomplete answer.
    otherwise = "malformed"
    word = next((word for kinds, word in _WORDS if isinstance(error, kinds)), otherwise)
    text = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    return f"{word}: {permission}: {text}"


def _refusal(error: ClientError, permission: str) -> str:
    code = code_of(error)
    message = str(error.response.get("Error", {}).get("Message", "")).strip().rstrip(".")
    if code in DENIED_CODES:
        return f"denied: allow {permission} for these credentials"
    if code in EXPIRED_CODES:
        return f"denied: the credentials are refused ({code})"
    if code in THROTTLED_CODES:
        return f"throttled: {permission}"
    if code in _BUSY:
        return f"busy: {message or code}"
    if code in _ABSENT:
        return f"absent: {message or code}"
    return f"failed: {permission}: {code}: {message}"
