"""What the engine changes a group's capacity through, and what a change that failed has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ProxyConnectionError,
)

from ops.aws import THROTTLED_CODES
from ops.scaling.sources.troubles import code_of, trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ops.scaling.model import Group

#: What fails before a request has left this machine.
_NEVER_SENT: Final = (
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ProxyConnectionError,
)
_REQUEST_TIMEOUT: Final = 408


class Refused(Exception):
    """Nothing was changed; `str()` says why in one line."""


class Unclear(Exception):
    """No answer came, or none that says: it may have been changed; `str()` says why in one line."""


class Capacity(Protocol):
    """An Auto Scaling group's capacity, or an ECS service's.

    Every method sends each change once: it raises Refused where nothing was changed, and Unclear
    where that is not known. `holds` is asked right before what cannot be undone is sent.
    """

    @property
    def batch(self) -> int:
        """The most nodes that one call of `end` takes."""
        ...

    def launch(self, group: Group, desired: int) -> None:
        """Raise the desired capacity to `desired`."""
        ...

    def end(
        self, group: Group, desired: int, nodes: Sequence[str], holds: Callable[[], bool]
    ) -> None:
        """End these nodes, no others, and take them off the desired capacity, now `desired`."""
        ...

    def replace(self, group: Group, node: str, why: str) -> None:
        """End a node and leave the desired capacity: another is started in its place."""
        ...


def sorted_out(error: Exception, permission: str) -> Refused | Unclear:
    """Return what a failed change means, from how it failed.

    AWS answers with a status of 400 and up where it will not, and of 500 and up where it could not,
    which it may have begun. A connection that broke after the request was sent says nothing.
    """
    why = trouble(error, permission)
    if isinstance(error, _NEVER_SENT):
        return Refused(why)
    if isinstance(error, ClientError):
        status: Any = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
        definite = 400 <= status < 500 and status != _REQUEST_TIMEOUT
        if definite or code_of(error) in THROTTLED_CODES:
            return Refused(why)
    return Unclear(why)
