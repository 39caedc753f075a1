"""What the manifest asks of AWS and AWS cannot give. Pure.

These are no mistakes of a manifest as such: a worker on a laptop has no lifecycle hook and no
quota. They are looked at before any stack is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from ops.stack import names, reserved
from ops.stack.compose import plans
from ops.stack.limits import measures
from ops.stack.parameters import memory_mib
from worker.manifest.problems import Problem, dotted, listed, quoted
from worker.manifest.units import format_duration

if TYPE_CHECKING:
    from ops.stack.compose import Account
    from worker.fleet import Fleet, Queue

#: A lifecycle hook lasts at most 48 h, or 100 times its heartbeat timeout where that is less (EC2
#: Auto Scaling User Guide, "Lifecycle hooks", considerations).
LONGEST_HOOK: Final = timedelta(hours=48)
MOST_HEARTBEATS: Final = 100
_LONGEST_HEARTBEAT: Final = timedelta(hours=2)

#: By CPU units, a task's memory in GiB: the least, the most, and the step (ECS Developer Guide,
#: "Fargate task definition considerations"). A quarter of a processor has 0.5 GiB too.
_FARGATE: Final = {
    256: (1, 2, 1),
    512: (1, 4, 1),
    1024: (2, 8, 1),
    2048: (4, 16, 1),
    4096: (8, 30, 1),
    8192: (16, 60, 4),
    16384: (32, 120, 8),
}

_STACK_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_BUCKET_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
#: Family, generation, attributes: of these a g says Graviton (EC2, "Instance type names").
_TYPE: Final = re.compile(r"(?P<family>[a-z]+)[0-9]+(?P<attributes>[a-z0-9-]*)\..+")


def problems(fleet: Fleet, account: Account) -> tuple[str, ...]:
    """Return what cannot be, a line each, with the manifest's name in front."""
    found = [*of_manifest(fleet), *_buckets(fleet, account)]
    if found:
        return tuple(f"{fleet.path}: {each}" for each in found)
    measured = measures(plans(fleet, account), account)
    return tuple(f"{fleet.path}: {each}" for each in measured if each.over)


def of_manifest(fleet: Fleet) -> tuple[Problem, ...]:
    """Return what cannot be in whatever account."""
    queues = (each for queue in fleet.queues.values() for each in _queue(queue))
    return (*_names(fleet), *_quota(fleet), *queues)


def longest_drain(heartbeat: timedelta) -> timedelta:
    """Return how long a hook with this heartbeat timeout can hold a node."""
    return min(LONGEST_HOOK, MOST_HEARTBEATS * heartbeat)


def is_graviton(instance_type: str) -> bool:
    """Say whether an instance type is of Arm's architecture, by its name."""
    found = _TYPE.fullmatch(instance_type)
    return found is not None and (found["family"] == "a" or "g" in found["attributes"])


def _queue(queue: Queue) -> Iterator[Problem]:
    checks = (_service,) if queue.runtime == "ecs" else (_hook, _types, _warm)
    for check in checks:
        for problem in check(queue):
            yield problem.under("queues", queue.name)


def _hook(queue: Queue) -> Iterator[Problem]:
    longest = longest_drain(queue.nodes.heartbeat)
    budget = queue.drain_budget
    if budget <= longest:
        return
    # Drains are at most 12 h, so a longer heartbeat always does.
    enough = timedelta(minutes=-(-budget // (MOST_HEARTBEATS * timedelta(minutes=1))))
    yield Problem(
        "drain_budget",
        f"expected at most {format_duration(longest)} with nodes.heartbeat = "
        f'"{format_duration(queue.nodes.heartbeat)}" (a lifecycle hook lasts {MOST_HEARTBEATS} '
        f"heartbeats, at most 48h), got {format_duration(budget)}",
        f'set nodes.heartbeat = "{format_duration(min(enough, _LONGEST_HEARTBEAT))}" or more, or '
        "shorten drain_budget",
    )


def _types(queue: Queue) -> Iterator[Problem]:
    arm = [each for each in queue.nodes.types if is_graviton(each)]
    other = [each for each in queue.nodes.types if not is_graviton(each)]
    if arm and other:
        yield Problem(
            "nodes.types",
            f"expected one architecture, got {listed(arm)} (Arm) beside {listed(other)} (x86)",
            "keep those that the image is made for",
        )


def _warm(queue: Queue) -> Iterator[Problem]:
    if queue.nodes.warm_pool and queue.nodes.on_demand_percent != 100:
        yield Problem(
            "nodes.warm_pool",
            "expected on_demand_percent = 100 with a warm pool, got "
            f"{queue.nodes.on_demand_percent}",
            "set nodes.on_demand_percent = 100 (a spot instance cannot be kept stopped there), or "
            "remove nodes.warm_pool",
        )


def _service(queue: Queue) -> Iterator[Problem]:
    nodes = queue.nodes
    if nodes.image is None:
        yield Problem(
            "nodes.image",
            'expected the container image of the nodes with runtime = "ecs", got none',
            "name it with its tag or digest",
        )
    least, most, step = _FARGATE[nodes.cpu]
    memory = memory_mib(queue)
    small = nodes.cpu == 256 and memory == 512
    if not small and (memory % (step * 1024) or not least * 1024 <= memory <= most * 1024):
        every = "" if step == 1 else f" in steps of {step}"
        yield Problem(
            "nodes.memory",
            f"expected {least}GiB to {most}GiB{every} with nodes.cpu = {nodes.cpu}, got "
            f"{memory}MiB",
            "choose what Fargate has, or another nodes.cpu",
        )


def _quota(fleet: Fleet) -> Iterator[Problem]:
    quota = fleet.aws.instances_quota
    most = {
        queue.name: queue.nodes.max + queue.nodes.warm_pool
        for queue in fleet.queues.values()
        if queue.runtime == "ec2"
    }
    if quota is None or sum(most.values()) <= quota:
        return
    largest = max(most, key=lambda name: most[name])
    yield Problem(
        "aws.instances_quota",
        f"expected the queues to have at most {quota} instances together, got {sum(most.values())} "
        "(the sum of nodes.max and nodes.warm_pool)",
        f"lower nodes.max, of {quoted(largest)} first ({most[largest]}), or have AWS raise the "
        "quota and write the new one here",
    )


def _names(fleet: Fleet) -> Iterator[Problem]:
    shared = names.shared_stack(fleet.name)
    if _STACK_NAME.fullmatch(shared) is None:
        yield Problem(
            "name",
            f"expected a letter first, got {quoted(fleet.name)}",
            "rename the fleet (a stack's name begins so)",
        )
    yield from reserved.of_fleet(fleet)
    # The longest of the names that are made of the fleet's alone.
    for of, name in (("function", f"{fleet.name}-forwarder"), ("schedule group", fleet.name)):
        if len(name) > names.LONGEST[of]:
            yield Problem(
                "name",
                f"expected {name} to have at most {names.LONGEST[of]} characters, got {len(name)}",
                f"shorten it (the name of a {of} is no longer)",
            )
    taken: dict[str, str] = {}
    for queue in fleet.queues:
        stack = names.queue_stack(fleet.name, queue)
        if stack in taken:
            yield Problem(
                dotted("queues", queue),
                f"expected a stack of its own, got {stack}, which is {quoted(taken[stack])}'s",
                "rename one of the two (stacks' names have no _)",
            )
        taken.setdefault(stack, queue)


def _buckets(fleet: Fleet, account: Account) -> Iterator[Problem]:
    artifacts = names.artifact_bucket(fleet, account.id, account.region)
    logs = names.log_bucket(fleet, account.id, account.region)
    for bucket, remedy in (
        (artifacts, "name one: aws.artifact_bucket, or shorten the fleet's name"),
        (logs, "shorten the fleet's name (the bucket of its logs is called so)"),
    ):
        if _BUCKET_NAME.fullmatch(bucket) is None:
            yield Problem(
                "name",
                f"expected {bucket} to be a bucket's name of at most {names.LONGEST['bucket']} "
                f"characters, got {len(bucket)}",
                remedy,
            )
        yield from reserved.of_bucket("name", bucket, f"{remedy}; AWS keeps such names")
    results = None if fleet.results is None else fleet.results.bucket
    for place, named in (("payload_bucket", fleet.payload_bucket), ("results.bucket", results)):
        if named is not None:
            yield from reserved.of_bucket(place, named, "name another (AWS keeps such names)")
        if named in (artifacts, logs):
            yield Problem(
                place,
                f"expected a bucket that is not the fleet's for releases or logs, got {named}",
                "name another (each has rules of its own)",
            )
