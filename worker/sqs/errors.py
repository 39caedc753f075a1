"""What a failed SQS call means for the caller: botocore's exceptions sorted once, here."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
)


class Trouble(StrEnum):
    """Why a call failed, by what helps against it."""

    TRANSIENT = "transient"  # wait and try again
    CREDENTIALS = "credentials"  # look for new ones, then try again
    DENIED = "denied"  # the role lacks a permission
    NO_QUEUE = "no such queue"
    REFUSED = "refused"  # the request itself is wrong: trying again cannot help


#: Error codes as SQS and the signature layer give them, with and without the query protocol's
#: prefix (Amazon SQS API Reference, "Common errors", and each action's list).
_CREDENTIALS: Final = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "RequestExpired",
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "InvalidSignatureException",
        "IncompleteSignature",
        "MissingAuthenticationToken",
        "AuthFailure",
    }
)
_DENIED: Final = frozenset({"AccessDenied", "AccessDeniedException", "KmsAccessDenied"})
_NO_QUEUE: Final = frozenset(
    {"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist", "NonExistentQueue"}
)
_REFUSED: Final = frozenset(
    {
        "InvalidParameterValue",
        "InvalidMessageContents",
        "InvalidAttributeName",
        "InvalidAttributeValue",
        "UnsupportedOperation",
        "BatchRequestTooLong",
        "EmptyBatchRequest",
        "TooManyEntriesInBatchRequest",
        "ReceiptHandleIsInvalid",
        "MessageNotInflight",
        "MessageTooLong",
        "ValidationException",
        "ValidationError",
        "MissingParameter",
    }
)
#: Batch entries that fail for good because the receipt handle is no longer the message's.
STALE_HANDLE: Final = frozenset({"ReceiptHandleIsInvalid", "MessageNotInflight"})


def error_code(error: BaseException) -> str:
    """Return the AWS error code, or the class's name where there was no answer."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "")) or type(error).__name__
    return type(error).__name__


def trouble(error: BaseException) -> Trouble:
    """Sort an exception of a call. What is unknown counts as transient: a worker stays alive."""
    if isinstance(error, NoCredentialsError | PartialCredentialsError | CredentialRetrievalError):
        return Trouble.CREDENTIALS
    if isinstance(error, HTTPClientError) or not isinstance(error, ClientError):
        return Trouble.TRANSIENT
    return trouble_of(error_code(error))


def trouble_of(code: str) -> Trouble:
    """Sort an error code of AWS's, a batch entry's too. What is unknown counts as transient."""
    for codes, kind in (
        (_CREDENTIALS, Trouble.CREDENTIALS),
        (_DENIED, Trouble.DENIED),
        (_NO_QUEUE, Trouble.NO_QUEUE),
        (_REFUSED, Trouble.REFUSED),
    ):
        if code in codes or code.rpartition(".")[2] in codes:
            return kind
    return Trouble.TRANSIENT


#: What a call may raise for reasons outside this process: the network, the service, its answer.
#: ``ValueError`` and ``KeyError`` come from botocore's parsers on an answer that is no JSON.
CALL_ERRORS: Final = (
    ClientError,
    BotoCoreError,
    OSError,
    ValueError,
    KeyError,
    AttributeError,
    TypeError,
)


def describe(error: BaseException) -> str:
    """Return one line for a log: the code and the message, without a request's details."""
    # boto3's own text of an answer says the code again, and how often it was asked.
    said = (
        error.response.get("Error", {}).get("Message") if isinstance(error, ClientError) else error
    )
    text = str(said or "").partition("\n")[0]
    return f"{error_code(error)}: {text[:300]}" if text else error_code(error)
