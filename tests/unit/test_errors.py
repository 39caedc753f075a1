"""What a failed call means: botocore's exceptions, real ones, sorted."""

from __future__ import annotations

import botocore.session
import pytest
from botocore import exceptions
from botocore.exceptions import ClientError

from worker.sqs.errors import CALL_ERRORS, STALE_HANDLE, Trouble, describe, error_code, trouble


def _client_error(code: str, message: str = "said so") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "ReceiveMessage")


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("ExpiredToken", Trouble.CREDENTIALS),
        ("ExpiredTokenException", Trouble.CREDENTIALS),
        ("InvalidClientTokenId", Trouble.CREDENTIALS),
        ("UnrecognizedClientException", Trouble.CREDENTIALS),
        ("SignatureDoesNotMatch", Trouble.CREDENTIALS),
        ("RequestExpired", Trouble.CREDENTIALS),
        ("AccessDenied", Trouble.DENIED),
        ("AccessDeniedException", Trouble.DENIED),
        ("KMS.AccessDeniedException", Trouble.DENIED),
        ("AWS.SimpleQueueService.NonExistentQueue", Trouble.NO_QUEUE),
        ("QueueDoesNotExist", Trouble.NO_QUEUE),
        ("com.amazonaws.sqs.QueueDoesNotExist", Trouble.NO_QUEUE),
        ("InvalidParameterValue", Trouble.REFUSED),
        ("AWS.SimpleQueueService.EmptyBatchRequest", Trouble.REFUSED),
        ("ReceiptHandleIsInvalid", Trouble.REFUSED),
        ("ThrottlingException", Trouble.TRANSIENT),
        ("RequestThrottled", Trouble.TRANSIENT),
        ("OverLimit", Trouble.TRANSIENT),
        ("InternalFailure", Trouble.TRANSIENT),
        ("ServiceUnavailable", Trouble.TRANSIENT),
        ("503", Trouble.TRANSIENT),
        ("", Trouble.TRANSIENT),
        ("SomethingNewOfNextYear", Trouble.TRANSIENT),
    ],
)
def test_codes_are_sorted_by_what_helps(code: str, expected: Trouble) -> None:
    assert trouble(_client_error(code)) is expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (exceptions.NoCredentialsError(), Trouble.CREDENTIALS),
        (
            exceptions.PartialCredentialsError(provider="env", cred_var="secret"),
            Trouble.CREDENTIALS,
        ),
        (
            exceptions.CredentialRetrievalError(provider="sso", error_msg="no"),
            Trouble.CREDENTIALS,
        ),
        (exceptions.EndpointConnectionError(endpoint_url="http://x"), Trouble.TRANSIENT),
        (exceptions.ReadTimeoutError(endpoint_url="http://x"), Trouble.TRANSIENT),
        (exceptions.ConnectTimeoutError(endpoint_url="http://x"), Trouble.TRANSIENT),
        (exceptions.ConnectionClosedError(endpoint_url="http://x"), Trouble.TRANSIENT),
        (exceptions.HTTPClientError(error="broken"), Trouble.TRANSIENT),
        (exceptions.NoRegionError(), Trouble.TRANSIENT),
        (ConnectionResetError("gone"), Trouble.TRANSIENT),
        (ValueError("no JSON"), Trouble.TRANSIENT),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_exceptions_without_an_answer_are_sorted(error: Exception, expected: Trouble) -> None:
    assert trouble(error) is expected
    assert isinstance(error, CALL_ERRORS)


def test_every_error_sqs_declares_is_one_a_caller_catches_and_sorts() -> None:
    """botocore's own model of SQS names the errors; a new one must not end a thread."""
    model = botocore.session.get_session().get_service_model("sqs")
    codes = [
        (shape.metadata.get("error") or {}).get("code") or shape.name
        for shape in model.error_shapes
    ]
    assert len(codes) > 10
    for code in codes:
        error = _client_error(code)
        assert isinstance(error, CALL_ERRORS)
        assert isinstance(trouble(error), Trouble)
        assert trouble(error) is not Trouble.CREDENTIALS
    assert {code.rpartition(".")[2] for code in codes} >= STALE_HANDLE


def test_a_description_is_one_short_line() -> None:
    assert describe(_client_error("ExpiredToken", "one\ntwo")) == "ExpiredToken: one"
    assert describe(_client_error("ExpiredToken", "")) == "ExpiredToken"
    assert describe(ValueError()) == "ValueError"
    assert len(describe(ValueError("x" * 5000))) < 350
    assert error_code(_client_error("")) == "ClientError"
