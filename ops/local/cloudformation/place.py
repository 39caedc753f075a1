"""Where a resource is made: an account and region, called with the credentials of a caller."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from ops.local.cloudformation.errors import Refused
from ops.local.cloudformation.shapes import shaped

#: How the record tells calls on somebody's behalf from their own.
_CONFIG: Final = Config(user_agent_extra="via/cloudformation", retries={"max_attempts": 4})
_LOOK_SECONDS: Final = 0.2


class Clients:
    """Clients of the local AWS, one for each service, region and access key."""

    def __init__(self, url: str) -> None:
        self._url = url
        # Neither the loader of models nor the making of a client is safe in several threads.
        self._lock = threading.Lock()
        self._session = botocore.session.Session()
        self._made: dict[tuple[str, str, str], Any] = {}

    def get(self, service: str, region: str, key: str) -> Any:
        """Return a client that calls with `key`."""
        with self._lock:
            wanted = (service, region, key)
            if wanted not in self._made:
                self._made[wanted] = self._session.create_client(
                    service,
                    region_name=region,
                    endpoint_url=self._url,
                    aws_access_key_id=key,
                    aws_secret_access_key="local",  # noqa: S106  # nothing checks it
                    config=_CONFIG,
                )
            return self._made[wanted]


@dataclass(frozen=True, slots=True)
class Place:
    """A stack's place for one of its resources; `policy` is the resource's UpdatePolicy."""

    clients: Clients
    key: str
    region: str
    account: str
    partition: str
    stack_name: str
    stack_id: str
    logical: str = ""
    policy: Mapping[str, Any] = field(default_factory=dict)

    def call(self, service: str, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Call the API with properties of a template, brought into the operation's shape.

        Raises Refused for parameters that the operation does not take, and ClientError.
        """
        client = self.clients.get(service, self.region, self.key)
        shape = client.meta.service_model.operation_model(operation).input_shape
        methods = client.meta.method_to_api_mapping
        method = next(name for name, called in methods.items() if called == operation)
        wanted = {} if shape is None else shaped(dict(parameters), shape, "Properties")
        try:
            answer: dict[str, Any] = getattr(client, method)(**wanted)
        except (BotoCoreError, ResponseParserError) as error:
            raise Refused(f"{operation}: {error}") from error
        return answer

    def found(
        self, service: str, operation: str, parameters: Mapping[str, Any], *absent: str
    ) -> dict[str, Any] | None:
        """Call as `call` does; None where the answer is one of the error codes `absent`."""
        try:
            return self.call(service, operation, parameters)
        except ClientError as error:
            if error.response["Error"]["Code"] in absent:
                return None
            raise

    def until(self, what: str, done: Callable[[], bool], seconds: float) -> None:
        """Wait until `done`; raise Refused when it is not within `seconds`."""
        deadline = time.monotonic() + seconds
        while not done():
            if time.monotonic() > deadline:
                raise Refused(f"{what}: not within {seconds:.0f} s")
            time.sleep(_LOOK_SECONDS)

    def name(self, limit: int = 64) -> str:
        """Return a name for a resource that has none of its own, as CloudFormation makes it."""
        mark = hashlib.sha256(f"{self.stack_id}/{self.logical}/{time.time_ns()}".encode())
        suffix = f"-{mark.hexdigest()[:12].upper()}"
        return f"{self.stack_name}-{self.logical}"[: limit - len(suffix)] + suffix

    def arn(self, service: str, resource: str, *, regional: bool = True) -> str:
        """Return an ARN of this account; a service that knows no regions has none in it."""
        region = self.region if regional else ""
        return f"arn:{self.partition}:{service}:{region}:{self.account}:{resource}"
