"""Mends of moto's Lambda: Invoke answered by processes instead of containers, names checked."""

from __future__ import annotations

import base64
import functools
import json
import re
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import unquote

from moto.awslambda.exceptions import ValidationException
from moto.awslambda.responses import LambdaResponse

from ops.local.lambdas.functions import Functions, Throttled
from ops.local.names import is_part

_TAIL_BYTES: Final = 4096
#: CreateFunction (API reference); of the names that it takes, those that are no ARN.
_NAME_AT_MOST: Final = 64
_NAME: Final = "Member must satisfy regular expression pattern: [a-zA-Z0-9-_]{1,64}"
_HANDLER: Final = re.compile(r"[^\s]{1,128}")


def mend(functions: Functions) -> None:
    """Have Invoke run functions in this process's pool."""
    LambdaResponse.invoke = _invoke(functions)
    LambdaResponse.create_function = _checked(LambdaResponse.create_function, named=True)
    LambdaResponse.update_function_configuration = _checked(
        LambdaResponse.update_function_configuration, named=False
    )


def _checked(original: Callable[[Any], Any], *, named: bool) -> Callable[[Any], Any]:
    """Refuse names that Lambda refuses: a function's is a folder's, and a file's of its log."""

    @functools.wraps(original)
    def call(response: Any) -> Any:
        asked = response.json_body
        name, handler = asked.get("FunctionName"), asked.get("Handler")
        if named and not is_part(name, _NAME_AT_MOST):
            raise ValidationException(str(name)[:140], "functionName", _NAME)
        if handler is not None and not _handles(handler):
            raise ValidationException(
                str(handler)[:140],
                "handler",
                f"Member must satisfy regular expression pattern: {_HANDLER.pattern}",
            )
        return original(response)

    return call


def _handles(handler: object) -> bool:
    """Whether it names something in a module of the code, which nothing above it is."""
    if not isinstance(handler, str) or _HANDLER.fullmatch(handler) is None:
        return False
    return not handler.startswith("/") and ".." not in handler and "\0" not in handler


def _invoke(functions: Functions) -> Callable[[Any], Any]:
    def invoke(handler: Any) -> tuple[int, dict[str, str], str]:
        # A function may be named by its ARN, which arrives quoted.
        name = unquote(handler.path.rsplit("/", 2)[-2])
        qualifier = handler._get_param("Qualifier")
        function = handler.backend.get_function(name, qualifier)
        kind = handler.headers.get("X-Amz-Invocation-Type", "RequestResponse")
        try:
            event = json.loads(handler.body) if handler.body else {}
        except ValueError:
            return _refused(400, "InvalidRequestContentException", "Could not parse payload")
        if kind == "DryRun":
            return 204, {"status": "204"}, ""
        if kind == "Event":
            functions.invoke_later(function, event)
            return 202, {"status": "202"}, ""
        try:
            answer = functions.invoke(function, event)
        except Throttled:
            return _refused(429, "TooManyRequestsException", "Rate Exceeded.")
        headers = {"content-type": "application/json", "x-amz-executed-version": "$LATEST"}
        if handler.headers.get("X-Amz-Log-Type") == "Tail":
            tail = answer.output.encode()[-_TAIL_BYTES:]
            headers["x-amz-log-result"] = base64.b64encode(tail).decode()
        if answer.error is not None:
            headers["x-amz-function-error"] = "Unhandled"
            return 200, {**headers, "status": "200"}, json.dumps(answer.error)
        return 200, {**headers, "status": "200"}, json.dumps(answer.result)

    return invoke


def _refused(status: int, code: str, message: str) -> tuple[int, dict[str, str], str]:
    headers = {"status": str(status), "x-amzn-errortype": code, "content-type": "application/json"}
    return status, headers, json.dumps({"Type": "User", "message": message})
