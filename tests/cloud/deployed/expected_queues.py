"""What hurts in operation if it is lost, of a queue and its nodes: each resource's own facts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.cloud.deployed.asking import Facts
from tests.cloud.deployed.expected_alarms import of_queue
from tests.cloud.deployed.expected_shared import Wanted
from tests.cloud.stack_shop import IMAGE

_TWO_WEEKS = 1_209_600


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue: what its manifest says, in the words of the services."""

    name: str
    lease_seconds: int = 60
    receives: int = 8
    promise_seconds: int = 0
    stores: str = ""
    """The statements of its nodes' role by which they reach payloads and results."""
    policies: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    """Those given, by their ids; else one of its own."""


@dataclass(frozen=True, slots=True)
class Task:
    """What a queue's tasks are: `starts` are the statements of the role that starts them."""

    image: str
    memory_mib: str
    on_demand: int
    starts: str


def instances(it: Wanted, queue: Queue, bucket: str) -> dict[str, Facts]:
    """Return the facts of a queue's stack whose nodes are instances, but for its group's."""
    return {
        **_queue(it, queue),
        "NodeRole": it.role(
            "ec2.amazonaws.com",
            attached=queue.policies,
            worker=_worker(queue),
            node="Lifecycle Releases ReleasesAbsent SsmAgent",
        ),
        "NodeProfile": {"roles": [it("NodeRole")]},
        "NodeTemplate": {
            "image": IMAGE,
            # Only the node itself reaches its credentials.
            "metadata": ("required", 1),
            "tags_told": "enabled",
            "disk": ("gp3", 20, True),
            "disk_goes": True,
            "profile": it("NodeProfile"),
            "security_groups": _groups(it, queue),
            "key_pair": None,
            "begins": "#!/bin/sh\nexec /opt/fleet/python/bin/ops node boot "
            f"--fleet {it.fleet} --queue {queue.name} --bucket {bucket} --region eu-west-1\n",
        },
        "Deployments": {
            "as": it("DeployRole"),
            "at_once": "CodeDeployDefault.HalfAtATime",
            "rolls_back": {"enabled": True, "events": ["DEPLOYMENT_FAILURE"]},
            # Both tags, or it would deploy to every fleet's nodes; and no group, or CodeDeploy
            # puts a hook of its own on it.
            "to": [[("fleet:name", it.fleet)], [("fleet:queue", queue.name)]],
            "groups": [],
        },
    }


def group(it: Wanted, queue: Queue, leave_seconds: int = 300, **more: Any) -> dict[str, Facts]:
    """Return the facts of a group of instances: spot alone, from 0 to 20, unless said otherwise."""
    hooks = {
        "fleet-join": ("launching", 360, "ABANDON"),
        "fleet-leave": ("terminating", leave_seconds, "CONTINUE"),
    }
    return {
        "Group": {
            "bounds": (0, 20),
            "launches": (it("NodeTemplate"), "1"),
            "types": ["m7g.large", "m6g.large", "m7gd.large"],
            "on_demand": (0, 0),
            "spot": "price-capacity-optimized",
            "rebalances": False,
            "protects": False,
            "hooks": hooks,
            # By these alone its role and CodeDeploy know a node.
            "tags": {"fleet:name": it.fleet, "fleet:queue": queue.name},
            **more,
        }
    }


def service(it: Wanted, queue: Queue, task: Task) -> dict[str, Facts]:
    """Return the facts of a queue's stack whose nodes are tasks."""
    log = f"/fleet/{it.fleet}/{queue.name}"
    tasks = "ecs-tasks.amazonaws.com"
    container = {
        "image": task.image,
        "read_only": True,
        "stops_within_seconds": 120,
        "logs": log,
    }
    return {
        **_queue(it, queue),
        "NodeRole": it.role(tasks, "SourceAccount", attached=queue.policies, worker=_worker(queue)),
        "ExecutionRole": it.role(tasks, "SourceAccount", start=task.starts),
        "NodeLog": {"name": log, "kept_days": 14},
        "NodeLogDelivery": {
            "of": log,
            "to": f"{it.fleet}-logs",
            "as": it("SubscriptionRole"),
            "only": "",
        },
        "NodeTask": {
            "size": ("1024", task.memory_mib),
            "needs": ["FARGATE"],
            "processor": "ARM64",
            "as": it("NodeRole"),
            "started_as": it("ExecutionRole"),
            "containers": {
                "worker": {
                    **container,
                    "runs": f"celery worker -Q {queue.name}",
                    "essential": True,
                    "shares": ["/run/fleet", "/tmp"],
                },
                "agent": {
                    **container,
                    "runs": "ops node agent",
                    "essential": False,
                    "shares": ["/run/fleet"],
                },
            },
        },
        "Service": {
            "runs": it.names["NodeTask"],
            "capacity": [("FARGATE", 0, task.on_demand), ("FARGATE_SPOT", 0, 100 - task.on_demand)],
            # A release whose tasks do not start is taken back.
            "rolls_back": {"enable": True, "rollback": True},
            "between_percent": (100, 200),
            "moves": "DISABLED",
            "public": "ENABLED",
            "security_groups": _groups(it, queue),
            "commands": False,
            "tags_tasks": "SERVICE",
        },
    }


def _queue(it: Wanted, queue: Queue) -> dict[str, Facts]:
    name = f"{it.fleet}-{queue.name}"
    common = {"encrypted": True, "largest_bytes": 1_048_576}
    tags = {"fleet:name": it.fleet, "fleet:queue": queue.name}
    return {
        "DeadLetters": {
            **common,
            "kept_seconds": _TWO_WEEKS,
            "dead_letters_of": [name],
            "tags": {**tags, "fleet:role": "dead-letter"},
        },
        "Messages": {
            **common,
            "hidden_seconds": queue.lease_seconds,
            "kept_seconds": 345_600,
            "polled_seconds": 20,
            "dead_letters": f"{name}-dlq",
            "receives": queue.receives,
            "tags": tags,
        },
        **of_queue(it, queue.name, queue.promise_seconds),
        "NodeSecurityGroup": {"in": [], "out": [("-1", ["0.0.0.0/0"])]},
    }


def _worker(queue: Queue) -> str:
    return f"Receive DeadLetters Send Once {queue.stores} Registry"


def _groups(it: Wanted, queue: Queue) -> list[str]:
    return list(queue.security_groups) or [it.names["NodeSecurityGroup"]]
