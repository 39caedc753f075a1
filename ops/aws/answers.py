"""Whether an answer is AWS's: a proxy's or a captive portal's may have a status of 200 as well.

botocore takes what is no JSON, or cut short, for an answer that says nothing: a write would then
count as done that never came to AWS.
"""

from __future__ import annotations

from typing import Any, Final

from botocore.exceptions import BotoCoreError

_DONE_BELOW: Final = 300
#: What botocore's parsers raise over what they cannot read, besides ResponseParserError.
_UNREADABLE: Final = (AttributeError, LookupError, TypeError, ValueError)


class NotAwsError(BotoCoreError):
    """An answer that is not AWS's, or a part of one."""

    fmt = "expected an answer of AWS's, got a part of one, or another's (a proxy's?)"


def check(http_response: Any, parsed: Any, model: Any, **_: Any) -> None:
    """Raise NotAwsError for a success that does not show that AWS has said it.

    A handler of botocore's event `after-call`. Every answer of AWS's has a request id, in a header
    or in its body (each service's API reference, "Common response headers" or "metadata").
    """
    if http_response.status_code >= _DONE_BELOW:
        return
    if not parsed.get("ResponseMetadata", {}).get("RequestId"):
        raise NotAwsError
    if model.service_model.resolved_protocol == "json" and not model.has_streaming_output:
        body = http_response.content.strip()
        if body and not (body[:1] == b"{" and body[-1:] == b"}"):
            raise NotAwsError


def is_unreadable(error: Exception) -> bool:
    """Whether botocore could not read an answer, or what was read lacks what AWS always says."""
    from botocore.parsers import ResponseParserError  # noqa: PLC0415

    if isinstance(error, ResponseParserError):
        return True
    trace = error.__traceback__
    while isinstance(error, _UNREADABLE) and trace is not None:
        if str(trace.tb_frame.f_globals.get("__name__")).startswith("botocore."):
            return True
        trace = trace.tb_next
    return False
