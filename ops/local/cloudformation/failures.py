"""What ends a resource's way, and how a stack's history says it."""

from __future__ import annotations

import json
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from ops.local.cloudformation.errors import Invalid, Refused

#: What a call of the API may end with: each is a resource's failure, not the stack's code's.
FAILURES: Final = (Invalid, Refused, ClientError, BotoCoreError, KeyError, IndexError)


def reason_of(error: Exception) -> str:
    """Return the ResourceStatusReason of a failure."""
    if isinstance(error, ClientError):
        told = error.response["Error"]
        status = error.response["ResponseMetadata"].get("HTTPStatusCode", 0)
        return (
            f"{told.get('Message', '')} (Service: {error.operation_name}, Status Code: {status}, "
            f"Error Code: {told.get('Code', '')})"
        )
    if isinstance(error, KeyError | IndexError):
        return f"expected {json.dumps(str(error))} among the properties"
    return str(error)
