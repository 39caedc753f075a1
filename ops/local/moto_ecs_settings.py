"""Settings of services that moto 5.2's ECS takes at their creation and forgets, kept and shown.

An update it keeps. A service with a strategy of capacity providers it shows with a launch type,
which ECS has for none of them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final

from moto.ecs.responses import EC2ContainerServiceResponse

#: By the API's name, where moto's serialiser looks for it.
_SETTINGS: Final = {
    "availabilityZoneRebalancing": "availability_zone_rebalancing",
    "capacityProviderStrategy": "capacity_provider_strategy",
    "deploymentConfiguration": "deployment_configuration",
    "enableECSManagedTags": "enable_ecs_managed_tags",
    "enableExecuteCommand": "enable_execute_command",
}


def mend() -> None:
    """Have moto keep them in this process."""
    response = EC2ContainerServiceResponse
    response.create_service = _keeping(response.create_service)


def _keeping(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    @functools.wraps(original)
    def create_service(handler: Any) -> Any:
        answer = original(handler)
        service = answer.result["service"]
        for name, attribute in _SETTINGS.items():
            value = handler._get_param(name)
            if value is not None:
                setattr(service, attribute, value)
        if handler._get_param("capacityProviderStrategy"):
            service.launch_type = None
        return answer

    return create_service
