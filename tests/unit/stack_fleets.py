"""Manifests and an account that the tests of stacks and templates share."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ops.stack.compose import Account, StackPlan, plans, queue, shared
from ops.stack.resolve import Resolver, resolved
from worker.fleet import Fleet, load, loads

ROOT = Path(__file__).parents[2]
ACCOUNT = Account(
    id="123456789012",
    region="eu-west-1",
    vpc="vpc-0a1b2c3d",
    subnets=("subnet-0a1b2c3d", "subnet-0a1b2c3e"),
    code="code/1.zip",
)
EXAMPLES = (ROOT / "examples/media/fleet.toml", ROOT / "examples/django/fleet.toml")
IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/media:42"

#: Everything that the manifest can ask of the stacks, on both runtimes.
RICH = f"""
name = "media"
region = "eu-west-1"
payload_bucket = "media-payloads"
results = {{ backend = "s3", bucket = "media-results", expires = "36h" }}

[aws]
image = "ami-0a1b2c3d"
security_groups = ["sg-0a1b2c3d", "sg-0a1b2c3e"]
alarms_to = ["ops@example.com", "night@example.com"]
boundary = "arn:aws:iam::123456789012:policy/boundary"
artifact_bucket = "our-artifacts"

[queues.video]
tasks = ["video.*"]
lease = "90s"
max_receives = 5
slo.start_within = "5m"
scaling.predict = "aws"
scaling.windows = [{{ begins = "0 8 * * MON-FRI", ends = "0 18 * * MON-FRI", min = 3 }}]
[queues.video.nodes]
min = 1
max = 9
types = ["c7i.large", "c6i.large"]
on_demand_base = 2
on_demand_percent = 100
warm_pool = 2
rebalance = true
policies = ["arn:aws:iam::123456789012:policy/clips", "arn:aws:iam::123456789012:policy/fonts"]
heartbeat = "2m"

[queues.mail]
tasks = ["mail.*"]
runtime = "ecs"
nodes = {{ image = "{IMAGE}", on_demand_percent = 25, memory = "4GiB" }}
"""


def rich() -> Fleet:
    return loads(RICH, Path("fleet.toml"))


def plain(text: str = "", queue: str = "") -> Fleet:
    """One queue `mail`, with more of the manifest and more of the queue."""
    body = (
        f'name = "media"\nregion = "eu-west-1"\n{text}\n[queues.mail]\ntasks = ["m.*"]\n{queue}\n'
    )
    return loads(body, Path("fleet.toml"))


def fifty() -> Fleet:
    """Fifty queues, every fifth of them on ECS, with names that are long."""
    queues = "\n".join(
        f'[queues.quarterly-statements-{number:02}]\ntasks = ["t{number}.*"]\n'
        + (f'runtime = "ecs"\nnodes.image = "{IMAGE}"\n' if number % 5 == 0 else "")
        for number in range(50)
    )
    head = 'name = "media-production"\nregion = "eu-west-1"\npayload_bucket = "big-payloads"\n'
    results = 'results = { backend = "s3", bucket = "big-results" }\n'
    return loads(head + results + queues, Path("fleet.toml"))


def everything() -> Iterator[tuple[str, StackPlan]]:
    """Every stack of the example fleets and of those here, once a template and its conditions."""
    seen: set[tuple[str, str]] = set()
    fleets = {path.parent.name: load(path) for path in EXAMPLES}
    fleets |= {"rich": rich(), "fifty": fifty(), "plain": plain()}
    fleets["table"] = plain('results = { backend = "dynamodb" }')
    for name, fleet in fleets.items():
        for plan in plans(fleet, ACCOUNT):
            resolver = Resolver(plan, ACCOUNT)
            held = text([name for name in plan.template["Conditions"] if resolver.holds(name)])
            if (plan.body(), held) not in seen:
                seen.add((plan.body(), held))
                yield f"{name}: {plan.name}", plan


def shared_resources(fleet: Fleet, account: Account = ACCOUNT) -> dict[str, Any]:
    return resolved(shared(fleet, account), account)


def queue_resources(fleet: Fleet, name: str, account: Account = ACCOUNT) -> dict[str, Any]:
    return resolved(queue(fleet, name, account), account)


def properties(resources: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = resources[name]["Properties"]
    return found


def statements(resources: dict[str, Any], role: str) -> dict[str, dict[str, Any]]:
    """A role's statements by their names."""
    return {
        one["Sid"]: one
        for policy in properties(resources, role)["Policies"]
        for one in policy["PolicyDocument"]["Statement"]
    }


def text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
