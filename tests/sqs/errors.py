"""The errors SQS answers with, in the shape of its AWS JSON 1.0 protocol.

SQS moved from the query protocol to JSON and kept the old error codes in a response header
(``x-amzn-query-error: <code>;<Sender|Receiver>``), which is where boto3 takes
``error.response["Error"]["Code"]`` from. ``__type`` carries the name of the modelled exception.
"""

from __future__ import annotations

_SQS = "com.amazonaws.sqs#"
_CORAL = "com.amazon.coral.service#"

# Modelled exception -> the code the query protocol gave it, where the two differ.
_LEGACY_CODES = {
    "QueueDoesNotExist": "AWS.SimpleQueueService.NonExistentQueue",
    "QueueNameExists": "QueueAlreadyExists",
    **{
        name: f"AWS.SimpleQueueService.{name}"
        for name in (
            "BatchEntryIdsNotDistinct",
            "BatchRequestTooLong",
            "EmptyBatchRequest",
            "InvalidBatchEntryId",
            "MessageNotInflight",
            "PurgeQueueInProgress",
            "QueueDeletedRecently",
            "TooManyEntriesInBatchRequest",
            "UnsupportedOperation",
        )
    },
}

# Codes common to all AWS services: code -> (name in ``__type``, HTTP status).
_COMMON = {
    "AccessDenied": ("AccessDeniedException", 403),
    "ExpiredToken": ("ExpiredTokenException", 403),
    "IncompleteSignature": ("IncompleteSignatureException", 400),
    "InternalFailure": ("InternalFailure", 500),
    "InvalidAction": ("UnknownOperationException", 400),
    "InvalidClientTokenId": ("UnrecognizedClientException", 403),
    "InvalidParameterValue": ("InvalidParameterValueException", 400),
    "MissingAuthenticationToken": ("MissingAuthenticationTokenException", 403),
    "MissingParameter": ("MissingRequiredParameterException", 400),
    "RequestTimeout": ("RequestTimeoutException", 408),
    "SerializationException": ("SerializationException", 400),
    "ServiceUnavailable": ("ServiceUnavailableException", 503),
    "Throttling": ("ThrottlingException", 400),
    "UnknownParameter": ("ValidationException", 400),
}


class SqsError(Exception):
    """An error SQS would answer with.

    ``name`` is a modelled exception of SQS (``ReceiptHandleIsInvalid``), a code common to all
    of AWS (``ExpiredToken``) or that code's exception name (``ExpiredTokenException``); any
    other name is passed on as it is, with status 400.
    """

    def __init__(self, name: str, message: str, status: int | None = None) -> None:
        super().__init__(f"{name}: {message}")
        self.message = message
        code, type_name, usual_status = _identify(name)
        self.code = code
        self.type_name = type_name
        self.status = usual_status if status is None else status

    @property
    def query_error(self) -> str:
        """The value of the ``x-amzn-query-error`` header."""
        return f"{self.code};{'Receiver' if self.status >= 500 else 'Sender'}"

    @property
    def body(self) -> dict[str, str]:
        """The JSON body of the answer."""
        return {"__type": self.type_name, "message": self.message}


def _identify(name: str) -> tuple[str, str, int]:
    """The query code, the ``__type`` and the usual HTTP status of an error's name."""
    for code, (exception, status) in _COMMON.items():
        if name in (code, exception):
            return code, _CORAL + exception, status
    return _LEGACY_CODES.get(name, name), _SQS + name, 400


def invalid_parameter(value: object, parameter: str, reason: str) -> SqsError:
    """``InvalidParameterValue`` in the words SQS uses for it."""
    return SqsError(
        "InvalidParameterValue",
        f"Value {value} for parameter {parameter} is invalid. Reason: {reason}",
    )
