"""A booting node's patience, and what it says of what S3 did not give it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

from ops.aws import DENIED_CODES, EXPIRED_CODES
from ops.errors import OpsError
from ops.registry.table import code_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_Answer = TypeVar("_Answer")

_FIRST_PAUSE_SECONDS: Final = 0.5
_LONGEST_PAUSE_SECONDS: Final = 10.0


def patiently(
    attempt: Callable[[S3Client], _Answer],
    connect: Callable[[], S3Client],
    patience_seconds: float,
    say: Callable[[str], None],
) -> _Answer:
    """Return what an attempt returns, tried for so long with ever new clients. Raises OpsError."""
    until = time.monotonic() + patience_seconds
    pause = _FIRST_PAUSE_SECONDS
    while True:
        try:
            # One that found no credentials when it was made never has any.
            return attempt(connect())
        except OpsError as error:
            why = _of_a_node(error)
            left = until - time.monotonic()
            if left <= 0:
                raise why from error.__cause__
            say(f"{why}; trying for {left:.0f} s more")
        time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - a pause is no secret
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)


def is_denied(error: OpsError) -> bool:
    """Whether S3 denied it to these credentials."""
    return _code(error) in DENIED_CODES


def _of_a_node(error: OpsError) -> OpsError:
    """Return the error as it is, but where it is for want of credentials: a node's are its role's,
    and come from the metadata service.
    """
    from botocore import exceptions as aws  # noqa: PLC0415

    cause = error.__cause__
    wants = (aws.NoCredentialsError, aws.PartialCredentialsError, aws.CredentialRetrievalError)
    if isinstance(cause, wants):
        found = " ".join(str(cause).split()).rstrip(".")
    elif _code(error) in EXPIRED_CODES:
        found = f"such as AWS does not take ({_code(error)})"
    else:
        return error
    return OpsError(
        "AWS: expected the credentials of this machine's role from its metadata service, found "
        f"{found}: see that its launch template names an instance profile",
        error.code,
    )


def _code(error: OpsError) -> str:
    from botocore.exceptions import ClientError  # noqa: PLC0415

    cause = error.__cause__
    return code_of(cause) if isinstance(cause, ClientError) else ""
