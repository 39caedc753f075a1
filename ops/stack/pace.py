"""How often CloudFormation is asked again: its limits are the account's, not ours alone.

AWS names no figures for the rates of its calls ("How do I prevent Rate exceeded errors in
CloudFormation?", Knowledge Center, asks for a backoff). On AWS a stack takes minutes: asked every
five seconds, ten at once make two calls a second.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from random import Random
from typing import TYPE_CHECKING, Final
from urllib.parse import urlparse

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

_GROWTH: Final = 1.5
#: Of each pause, so that stacks begun together are not asked after together.
_JITTER: Final = 0.2


@dataclass(frozen=True, slots=True)
class Pace:
    """Pauses in seconds, the first and the longest."""

    first: float
    longest: float

    def pauses(self, rng: Random) -> Iterator[float]:
        """Yield pauses without end, each longer than the one before, up to the longest."""
        pause = self.first
        while True:
            yield pause * rng.uniform(1 - _JITTER, 1 + _JITTER)
            pause = min(pause * _GROWTH, self.longest)


_AWS: Final = Pace(1.0, 5.0)
#: Nobody else asks an AWS on this machine, and its stacks take a second.
_LOCAL: Final = Pace(0.1, 1.0)
_COUNTS_LAG_SECONDS: Final = 60.0


def pauses(client: CloudFormationClient) -> Iterator[float]:
    """Return the pauses between two looks at what a client's CloudFormation does."""
    pace = _LOCAL if _is_local(client.meta.endpoint_url) else _AWS
    return pace.pauses(Random())  # noqa: S311


def lag_seconds(url: str) -> float:
    """Return how long SQS's counts may be behind, of the SQS at `url`.

    They "may not achieve consistency until at least 1 minute after the producers stop" (SQS API
    Reference, GetQueueAttributes).
    """
    return 0.0 if _is_local(url) else _COUNTS_LAG_SECONDS


def _is_local(url: str) -> bool:
    host = urlparse(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
