"""Pages of what EC2 says of instance types, which moto 5.2 answers whole whatever is asked for.

Without `MaxResults` a page has a hundred here: EC2 says that there may be more pages, not when.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final

from moto.core.responses import ActionResult
from moto.ec2.exceptions import InvalidNextToken
from moto.ec2.responses.instances import InstanceResponse

_PAGE: Final = 100


def mend() -> None:
    """Have moto answer in pages in this process."""
    response = InstanceResponse
    response.describe_instance_types = _paged(response.describe_instance_types)
    response.describe_instance_type_offerings = _paged(response.describe_instance_type_offerings)


def _paged(original: Callable[[Any], ActionResult]) -> Callable[[Any], ActionResult]:
    @functools.wraps(original)
    def answer(handler: Any) -> ActionResult:
        ((name, found),) = original(handler).result.items()
        token = str(handler._get_param("NextToken") or "0")
        if not token.isdecimal() or int(token) > len(found):
            raise InvalidNextToken(token)
        start = int(token)
        end = start + int(handler._get_param("MaxResults") or _PAGE)
        more = {"NextToken": str(end)} if end < len(found) else {}
        return ActionResult({name: found[start:end], **more})

    return answer
