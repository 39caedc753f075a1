"""CloudFormation's API over the stacks, in place of moto's: requests in, answers out.

Which keys an answer has is the API Reference's; moto's serialiser takes from each what botocore's
model knows of the operation.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from moto.cloudformation.exceptions import CloudFormationError
from moto.cloudformation.models import cloudformation_backends
from moto.cloudformation.responses import CloudFormationResponse
from moto.core.responses import ActionResult

from ops.local.cloudformation.errors import Invalid, Refused
from ops.local.cloudformation.place import Clients
from ops.local.cloudformation.reads import READS
from ops.local.cloudformation.request import Request
from ops.local.cloudformation.stacks import Stacks
from ops.local.cloudformation.writes import WRITES


def mend(url: str) -> None:
    """Answer CloudFormation in this process with stacks made by calls to `url`."""
    clients = Clients(url)
    CloudFormationResponse.RESPONSE_KEY_PATH_TO_TRANSFORMER = {}
    for name, action in {**READS, **WRITES}.items():
        setattr(CloudFormationResponse, name, _answering(action, clients))


def _answering(
    action: Callable[[Request, Stacks], Any], clients: Clients
) -> Callable[[Any], ActionResult]:
    @functools.wraps(action)
    def answer(handler: Any) -> ActionResult:
        account, region = handler.current_account, handler.region
        backend = cloudformation_backends[account][region]
        # With the backend, so that a reset of it takes them too.
        if not hasattr(backend, "fleet_stacks"):
            backend.fleet_stacks = Stacks(clients, account, region, handler.partition)
        stacks: Stacks = backend.fleet_stacks
        try:
            with stacks.lock:
                return ActionResult(action(Request(handler), stacks) or {})
        except (Invalid, Refused) as error:
            raise CloudFormationError("ValidationError", str(error)) from error

    return answer
