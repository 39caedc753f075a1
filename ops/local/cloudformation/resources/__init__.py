"""The types of resources that the local CloudFormation makes, by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ops.local.cloudformation.resource import Resource
from ops.local.cloudformation.resources import (
    alarms,
    buckets,
    deployments,
    documents,
    functions,
    groups,
    keys,
    logs,
    machines,
    of_groups,
    policies,
    queues,
    roles,
    rules,
    services,
    streams,
    tables,
    topics,
)

_MODULES: Final = (
    alarms,
    buckets,
    deployments,
    documents,
    functions,
    groups,
    keys,
    logs,
    machines,
    of_groups,
    policies,
    queues,
    roles,
    rules,
    services,
    streams,
    tables,
    topics,
)

TYPES: Final[Mapping[str, Resource]] = MappingProxyType(
    {resource.kind: resource for module in _MODULES for resource in module.TYPES}
)
