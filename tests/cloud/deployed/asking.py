"""A resource of a stack, and the clients to ask its service with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from tests.cloud.local_stacks import client

#: What a service tells of a resource, by words of ours.
Facts = Mapping[str, Any]


@dataclass(slots=True)
class Clients:
    """The local AWS at `url` in a region: a client a service."""

    url: str
    region: str
    made: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        """Return the service's client."""
        if service not in self.made:
            self.made[service] = client(self.url, service, region=self.region)
        return self.made[service]


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource: `physical` is the id that its stack has for it, `names` are the physical ids of
    all resources of its fleet, by logical ids; its `properties` are worked out.
    """

    clients: Clients
    stack: str
    logical: str
    kind: str
    physical: str
    properties: Mapping[str, Any]
    names: Mapping[str, str]
    kept: bool

    def call(self, service: str, method: str, **parameters: Any) -> Any:
        """Ask its service."""
        return getattr(self.clients.client(service), method)(**parameters)

    def found(self, absent: str, service: str, method: str, **parameters: Any) -> Any:
        """Ask its service; None where it answers with one of the error codes in `absent`."""
        try:
            return self.call(service, method, **parameters)
        except ClientError as error:
            if error.response["Error"]["Code"] in absent.split():
                return None
            raise


#: Asks a service about a resource; None where it is not there.
Question = Callable[[Resource], Facts | None]


def last(arn: str) -> str:
    """Return the name in an ARN: what follows the last slash or colon."""
    return arn.rpartition("/")[2].rpartition(":")[2]


def tags(listed: Any) -> dict[str, str]:
    """Return a list of tags as a mapping, whatever case its keys have; without AWS's own."""
    pairs = (tuple(each.values()) for each in _ordered(listed))
    return {key: value for key, value in pairs if not key.startswith("aws:")}


def _ordered(listed: Any) -> list[dict[str, str]]:
    return [
        {name: value for name, value in sorted(each.items()) if name.lower() in {"key", "value"}}
        for each in listed
    ]
