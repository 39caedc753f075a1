"""Lambda's Invoke answered by processes, in place of moto's containers."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import unquote

from moto.awslambda.responses import LambdaResponse

from ops.local.lambdas.functions import Functions, Throttled

_TAIL_BYTES: Final = 4096


def mend(functions: Functions) -> None:
    """Have Invoke run functions in this process's pool."""
    LambdaResponse.invoke = _invoke(functions)


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
