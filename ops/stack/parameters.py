"""The manifest's keys as the parameters of the templates. Pure."""

from __future__ import annotations

import math
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from ops.stack import names
from worker.payloads import limits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ops.queues.wanted import Wanted
    from ops.stack.compose import Account
    from worker.fleet import Fleet, Queue

#: A hook's own bound (EC2 Auto Scaling API Reference, LifecycleHook, HeartbeatTimeout).
_HOOK_AT_MOST: Final = timedelta(seconds=7200)
#: A node that is given up is launched again: what is only slow once would be so without end.
_JOIN_AT_LEAST: Final = timedelta(minutes=5)

_MEMORY_UNLESS_SAID_MIB: Final = 2048
#: ECS API Reference, CapacityProviderStrategyItem.
_MOST_WEIGHT: Final = 1000

_REPOSITORY = re.compile(
    r"(?P<account>[0-9]{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?/"
    r"(?P<name>[a-z0-9._/-]+?)([:@].*)?"
)


def of_shared(fleet: Fleet, account: Account, queues: Mapping[str, Wanted]) -> dict[str, str]:
    """Return the parameters of the shared stack; `queues` as in `of_queue`."""
    delay = queues[fleet.delay_queue_name].attributes
    results = fleet.results
    return {
        "Fleet": fleet.name,
        "ArtifactBucket": names.artifact_bucket(fleet, account.id, account.region),
        "LogBucket": names.log_bucket(fleet, account.id, account.region),
        "PayloadDays": _days(limits.EXPIRES_AFTER),
        "ResultsDays": _days(results.expires if results is not None else timedelta(days=1)),
        "Services": _yes(
            bool(account.cluster_users)
            or any(each.runtime == "ecs" for each in fleet.queues.values())
        ),
        "Code": account.code,
        "CodeRuntime": account.runtime,
        "CodeArchitecture": account.architecture,
        "DelayHoldSeconds": delay["VisibilityTimeout"],
        "DelayPollSeconds": delay["ReceiveMessageWaitTimeSeconds"],
        "DelayRetentionSeconds": delay["MessageRetentionPeriod"],
        "MessageBytes": delay["MaximumMessageSize"],
        **_stores(fleet),
    }


def of_queue(
    fleet: Fleet, queue: Queue, account: Account, queues: Mapping[str, Wanted]
) -> dict[str, str]:
    """Return the parameters that a queue's stack has whatever its nodes are.

    `queues` are what `ops queues` wants, by name on SQS.
    """
    messages = queues[fleet.physical_name(queue.name)]
    dead = queues[fleet.dead_letter_name(queue.name)]
    promise = queue.slo.start_within
    return {
        "Fleet": fleet.name,
        "Queue": queue.name,
        "Shared": names.shared_stack(fleet.name),
        "LeaseSeconds": messages.attributes["VisibilityTimeout"],
        "PollSeconds": messages.attributes["ReceiveMessageWaitTimeSeconds"],
        "RetentionSeconds": messages.attributes["MessageRetentionPeriod"],
        "DeadLetterRetentionSeconds": dead.attributes["MessageRetentionPeriod"],
        "MessageBytes": messages.attributes["MaximumMessageSize"],
        "MaxReceives": _receives(messages),
        "StartWithinSeconds": "0" if promise is None else _seconds(promise),
        "Vpc": account.vpc,
        "Subnets": ",".join(account.subnets),
        "SecurityGroups": ",".join(fleet.aws.security_groups),
        "Policies": ",".join(queue.nodes.policies),
        "OnDemandBase": str(queue.nodes.on_demand_base),
        "OnDemandPercent": str(queue.nodes.on_demand_percent),
        **_stores(fleet),
    }


def of_group(fleet: Fleet, queue: Queue) -> dict[str, str]:
    """Return the parameters of a queue whose nodes are instances."""
    nodes = queue.nodes
    # Twice what it should take: a launch that is slow once is no reason to end it.
    join = max(_JOIN_AT_LEAST, nodes.heartbeat, 2 * nodes.boot)
    return {
        "MinNodes": str(nodes.min),
        "MaxNodes": str(nodes.max),
        "Image": names.image_parameter(fleet),
        "DiskGib": str(math.ceil(nodes.disk / (1 << 30))),
        "Rebalance": "true" if nodes.rebalance else "false",
        "JoinSeconds": _seconds(min(join, _HOOK_AT_MOST)),
        "LeaveSeconds": _seconds(nodes.heartbeat),
        "WarmPool": str(nodes.warm_pool),
        "Predict": _yes(queue.scaling.predict == "aws"),
    }


def of_service(fleet: Fleet, queue: Queue, partition: str) -> dict[str, str]:
    """Return the parameters of a queue whose nodes are tasks of a service."""
    nodes = queue.nodes
    image = nodes.image or ""
    on_demand, spot = weights(queue)
    return {
        "Image": image,
        "Repository": repository(image, partition),
        "Cpu": str(nodes.cpu),
        "MemoryMib": str(memory_mib(queue)),
        # The default VPC's subnets lead out by public addresses alone.
        "PublicIp": "DISABLED" if fleet.aws.subnets else "ENABLED",
        "OnDemandPercent": str(on_demand),
        "SpotPercent": str(spot),
    }


def weights(queue: Queue) -> tuple[int, int]:
    """Return the weights of a service's on-demand and spot nodes above its base.

    ECS places nothing on a provider of weight 0 (API Reference, CapacityProviderStrategyItem), and
    does not say that it would place its base: one with a base has the least share there is.
    """
    percent = queue.nodes.on_demand_percent
    if queue.nodes.on_demand_base and not percent:
        return 1, _MOST_WEIGHT
    return percent, 100 - percent


def memory_mib(queue: Queue) -> int:
    """Return the memory of a task in MiB, rounded up to one."""
    memory = queue.nodes.memory
    return _MEMORY_UNLESS_SAID_MIB if memory is None else math.ceil(memory / (1 << 20))


def repository(image: str, partition: str) -> str:
    """Return the ARN of an image's repository in ECR, "" for one of another registry."""
    found = _REPOSITORY.fullmatch(image)
    if found is None:
        return ""
    return f"arn:{partition}:ecr:{found['region']}:{found['account']}:repository/{found['name']}"


def _stores(fleet: Fleet) -> dict[str, str]:
    results = fleet.results
    return {
        "PayloadBucket": fleet.payload_bucket or "",
        "ResultsBucket": (results.bucket if results is not None else None) or "",
        "ResultsTable": _yes(results is not None and results.backend == "dynamodb"),
        "Boundary": fleet.aws.boundary or "",
    }


def _receives(messages: Wanted) -> str:
    return str(messages.max_receives)


def _days(duration: timedelta) -> str:
    return str(math.ceil(duration / timedelta(days=1)))


def _seconds(duration: timedelta) -> str:
    return str(int(duration.total_seconds()))


def _yes(value: bool) -> str:
    return "yes" if value else "no"
