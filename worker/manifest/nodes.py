"""The nodes of a queue: how many there may be, what they are, and how long one takes to begin."""

from datetime import timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from worker.manifest.fields import Duration, Size, between
from worker.manifest.images import ContainerImage, InstanceTypes
from worker.manifest.policies import Policies
from worker.manifest.problems import RefusedValueError
from worker.manifest.units import format_size

#: ECS runs at most 5,000 tasks a service (its quotas page); a group of instances is held to the
#: same, since a typing mistake costs by the node.
MOST_NODES: Final = 5000

Count = Annotated[int, Field(ge=0, le=MOST_NODES)]
"""A number of nodes."""

#: Three of one size and architecture: one alone is soon out of spot capacity in some zone.
DEFAULT_TYPES: Final = ("m7g.large", "m6g.large", "m7gd.large")

#: What a task of ECS is given to stop in: `StopTimeout` of `deploy/cloudformation/queue-ecs.yaml`,
#: and the most that Fargate gives (ContainerDefinition, ECS API reference).
TASK_STOP: Final = timedelta(seconds=120)
#: How long its running work may go on then: what still runs is handed back, deletes are flushed.
TASK_DRAIN: Final = TASK_STOP - timedelta(seconds=25)

_EC2_ONLY: Final = ("types", "rebalance", "heartbeat", "disk", "warm_pool", "warm_boot")
_ECS_ONLY: Final = ("cpu", "image")
_WARM_BOOT = timedelta(seconds=45)


def nodes_unused_by(runtime: object) -> tuple[str, ...]:
    """Return the keys of `nodes` that a runtime has no use for."""
    return _EC2_ONLY if runtime == "ecs" else _ECS_ONLY


def _warm_boot(known: dict[str, Any]) -> timedelta:
    boot: timedelta = known.get("boot", _WARM_BOOT)
    return min(_WARM_BOOT, boot)


def _some_disk(size_bytes: int) -> int:
    # gp3's own bounds (EBS User Guide, "General Purpose SSD volumes"), as of 2024.
    if not 1 << 30 <= size_bytes <= 16_384 << 30:
        raise RefusedValueError(
            "1GiB to 16384GiB", "choose a size a volume can have", format_size(size_bytes)
        )
    return size_bytes


class Nodes(BaseModel):
    """How many nodes serve a queue, what they are, and how long one takes to begin."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", use_attribute_docstrings=True
    )

    min: Count = 0
    """The fewest nodes the scaling engine keeps: 0 to 5000. A window may raise it."""

    max: Annotated[int, Field(ge=1, le=MOST_NODES)] = 20
    """The most nodes the scaling engine asks for: 1 to 5000. A window may lower it."""

    boot: Annotated[Duration, between("1s", "1h")] = timedelta(seconds=180)
    """How long a node takes from its launch to its first receive, until that is measured: 1s
    to 1h."""

    warm_boot: Annotated[Duration, between("1s", "1h")] = Field(default_factory=_warm_boot)
    """The same for a node that waits in the group's warm pool: 1s to 1h, at most boot; 45s, or
    boot if that is shorter, unless said otherwise."""

    types: InstanceTypes = DEFAULT_TYPES
    """Instance types, 1 to 40, all of the image's architecture; on-demand nodes prefer the first.
    For runtime = "ec2"."""

    on_demand_base: Count = 0
    """So many nodes are on demand before any is spot: 0 to 5000."""

    on_demand_percent: Annotated[int, Field(ge=0, le=100)] = 0
    """The share on demand of those above on_demand_base, in per cent: 0 to 100. The rest is
    spot."""

    rebalance: bool = False
    """true has AWS replace a spot node ahead of its interruption. For runtime = "ec2"."""

    # The API's bounds are 30 to 7200 s, and a hook lasts at most 100 of them.
    heartbeat: Annotated[
        Duration, between("30s", "2h", high_reason="a lifecycle hook waits no longer for a sign")
    ] = timedelta(minutes=5)
    """How long a group waits for a sign of a node that is leaving: 30s to 2h. A drain has at most
    100 of them, and 48h. For runtime = "ec2"."""

    policies: Policies = ()
    """The ARNs of policies that let tasks reach what they need of AWS beside the fleet, at most
    10."""

    disk: Annotated[Size, AfterValidator(_some_disk)] = Field(default_factory=lambda: 20 << 30)
    """The volume of an instance, rounded up to whole GiB: 1GiB to 16384GiB, and at least the
    image's own; 20GiB unless said otherwise. For runtime = "ec2"."""

    memory: Size | None = None
    """The most memory of the node's workers (MemoryMax of the unit; of the task for
    runtime = "ecs", where 2GiB stands for none)."""

    warm_pool: Count = 0
    """So many stopped instances wait to be started: 0 to 5000. For on-demand nodes only
    (on_demand_percent = 100)."""

    cpu: Literal[256, 512, 1024, 2048, 4096, 8192, 16384] = 1024
    """Processor of a task, in 1024ths of one. For runtime = "ecs"."""

    image: ContainerImage | None = None
    """The container image of a task. For runtime = "ecs", where it must be given."""
