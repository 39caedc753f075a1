"""What hurts in operation if it is lost, of what the queues share: each resource's own facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.cloud.deployed.asking import Facts, Resource

_ID = "123456789012"
_TWO_WEEKS = 1_209_600
#: What every bucket is.
_CLOSED = {"encrypted": "AES256", "public": False, "owned": ["BucketOwnerEnforced"]}
#: A rule that runs while nobody looks.
_ON = "ENABLED"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A stack whose resources have `names`, by logical ids; `bounded` where its roles are."""

    fleet: str
    names: Mapping[str, str]
    bounded: bool

    def __call__(self, logical: str) -> str:
        """Return the name that a resource was given, without the ARN around it."""
        return self.names[logical].rpartition("/")[2].rpartition(":")[2]

    def role(self, service: str, *where: str, attached: tuple[str, ...] = (), **may: str) -> Facts:
        """What a role is: who may take it, and the statements of its policies by their names."""
        return {
            "taken_by": service,
            "taken_where": [each if ":" in each else f"aws:{each}" for each in where],
            "bound_by": f"arn:aws:iam::{_ID}:policy/boundary" if self.bounded else None,
            "attached": list(attached),
            "may": may,
            "unbound": [],
        }


def shared(it: Wanted) -> dict[str, Facts]:
    """Return the facts of a shared stack's resources by their logical ids."""
    fleet = it.fleet
    return {
        **_state(it),
        **_logs(it),
        **_lambdas(it),
        "ScheduleGroup": {"state": "ACTIVE", "tags": {"fleet:name": fleet}},
        "SchedulesRole": it.role(
            "scheduler.amazonaws.com", "SourceAccount", "SourceArn", schedules="Send"
        ),
        "AlarmsKey": {
            "state": "Enabled",
            "rotates": True,
            "who": {
                "Account": {"AWS": f"arn:aws:iam::{_ID}:root"},
                "Alarms": {"Service": "cloudwatch.amazonaws.com"},
            },
            "may": {"Account": "kms:*", "Alarms": ["kms:Decrypt", "kms:GenerateDataKey*"]},
        },
        "AlarmsTopicPolicy": {
            "says": ("Allow", {"Service": "cloudwatch.amazonaws.com"}, "sns:Publish"),
            "of": True,
            "where": {"StringEquals": {"aws:SourceAccount": _ID}},
        },
        "NodeDocument": {
            "status": "Active",
            "for": "/AWS::EC2::Instance",
            "takes": ["ping", "drain", "resume"],
            "within": "^[0-9]{1,5}[smh]$",
            "runs": "aws:runShellScript",
        },
        "Cluster": {
            "status": "ACTIVE",
            "capacity": ["FARGATE", "FARGATE_SPOT"],
            "watched": {"containerInsights": "enabled"},
        },
        "DeployApplication": {"name": fleet, "deploys_to": "Server"},
        "DeployRole": it.role("codedeploy.amazonaws.com", "SourceAccount", deploy="Find"),
    }


def bucket(logical: str, name: str, **expires: tuple[int | None, int | None]) -> Any:
    """Return the facts of a bucket, by prefixes without a slash what expires, and its policy's."""
    return {
        logical: {**_CLOSED, "expires": {f"{each}/": days for each, days in expires.items()}},
        f"{logical}Policy": _over_tls(name),
    }


def _over_tls(name: str) -> Facts:
    return {
        "says": ("Deny", "*", "s3:*"),
        "where": {"Bool": {"aws:SecureTransport": "false"}},
        "of": [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"],
    }


def _state(it: Wanted) -> dict[str, Facts]:
    table = {"status": "ACTIVE", "billed": "PAY_PER_REQUEST", "protected": False}
    queue = {"encrypted": True, "kept_seconds": _TWO_WEEKS, "largest_bytes": 1_048_576}
    tags = {"fleet:name": it.fleet}
    return {
        "RegistryTable": {**table, "key": ["fleet", "item"], "expires_by": None},
        # What keeps effects from coming twice.
        "OnceTable": {
            **table,
            "key": ["key"],
            "expires_by": "expires",
            "protected": True,
            "recoverable": True,
        },
        "WaitingTable": {**table, "key": ["id"], "expires_by": "expires"},
        "Results": {**table, "key": ["id"], "expires_by": "ttl"},
        "DelayDeadLetters": {**queue, "tags": {**tags, "fleet:role": "dead-letter"}},
        "DelayDeadLettersAlarm": {
            **_told(it.fleet, "ignore"),
            "metric": ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum"),
            "of": f"{it.fleet}-delayed-dlq",
            "when": ("GreaterThanThreshold", 0, 60),
        },
        # A redrive policy would end what waits for long.
        "DelayQueue": {
            **queue,
            "hidden_seconds": 300,
            "polled_seconds": 20,
            "dead_letters": "",
            "tags": {**tags, "fleet:role": "delay"},
        },
        "Artifacts": {**_CLOSED, "versions": "Enabled", "expires": {"": (None, 90)}},
        "ArtifactsPolicy": _over_tls(it("Artifacts")),
        "Logs": {**_CLOSED, "expires": {"": (400, None)}},
        "LogsPolicy": _over_tls(it("Logs")),
    }


def _logs(it: Wanted) -> dict[str, Facts]:
    groups = {
        "Journal": f"/fleet/{it.fleet}/journal",
        "ScalingLog": f"/aws/lambda/{it.fleet}-scaling",
        "ForwarderLog": f"/aws/lambda/{it.fleet}-forwarder",
    }
    delivered = {"to": f"{it.fleet}-logs", "as": it("SubscriptionRole"), "only": ""}
    return {
        **{
            "JournalLog" if name == "Journal" else name: {"name": group, "kept_days": 14}
            for name, group in groups.items()
        },
        **{f"{name}Delivery": {"of": group, **delivered} for name, group in groups.items()},
        "Delivery": {
            "status": "ACTIVE",
            "encrypted": "AWS_OWNED_CMK",
            "bucket": it("Logs"),
            "as": it("DeliveryRole"),
            "packed": "GZIP",
            "steps": ["Decompression", "CloudWatchLogProcessing"],
            # What Athena's table is partitioned by.
            "prefixes": (
                "logs/day=!{timestamp:yyyy-MM-dd}/",
                "logs/failed/!{firehose:error-output-type}/day=!{timestamp:yyyy-MM-dd}/",
            ),
        },
        "DeliveryRole": it.role(
            "firehose.amazonaws.com", "sts:ExternalId", delivery="Bucket Objects"
        ),
        "SubscriptionRole": it.role("logs.amazonaws.com", "SourceAccount", delivery="Stream"),
    }


def _told(fleet: str, without_data: str) -> Facts:
    return {"tells": (f"{fleet}-alarms",) * 2, "acts": True, "without_data": without_data}


def _lambdas(it: Wanted) -> dict[str, Facts]:
    fleet = it.fleet
    found: dict[str, Facts] = {}
    for name, every, seconds in (("Scaling", "1 minute", 60), ("Forwarder", "5 minutes", 300)):
        own = f"{fleet}-{name.lower()}"
        found[f"{name}Function"] = {
            "as": it(f"{name}Role"),
            "runs_on": ("python3.13", ["arm64"]),
            "bounds": (60, 256),
            "has_code": True,
        }
        found[f"{name}Invocations"] = {"retries": 0, "given_up_after_seconds": seconds}
        found[f"{name}Rule"] = {"every": f"rate({every})", "state": _ON, "calls": [own]}
        found[f"{name}Permission"] = {
            "who": {"Service": "events.amazonaws.com"},
            "may": "lambda:InvokeFunction",
            "for": [own],
        }
        # Unseen, either could be gone for days.
        found[f"{name}StoppedAlarm"] = {
            **_told(fleet, "breaching"),
            "metric": ("AWS/Lambda", "Invocations", "Sum"),
            "of": own,
            "when": ("LessThanThreshold", 1, seconds),
        }
        found[f"{name}FailsAlarm"] = {
            **_told(fleet, "notBreaching"),
            "metric": ("AWS/Lambda", "Errors", "Sum"),
            "of": own,
            "when": ("GreaterThanThreshold", 0, seconds),
        }
    found["ScalingFunction"] = {
        **found["ScalingFunction"],
        "handler": "ops.scaling.scaling_lambda.handler",
        "knows": {
            "FLEET_SCALING_EVERY": "1m",
            "FLEET_SCALING_JOURNAL": f"logs:/fleet/{fleet}/journal",
        },
    }
    handler = "ops.queues.forward_lambda.handler"
    found["ForwarderFunction"] = {**found["ForwarderFunction"], "handler": handler}
    may = "Counts Look Groups Registry Journal"
    if "Cluster" in it.names:
        may += " Services ServiceTasks ServiceTasksListed"
    found["ScalingRole"] = it.role("lambda.amazonaws.com", scaling=may)
    forwards = "DelayQueue Junk Queues Waiting Log"
    found["ForwarderRole"] = it.role("lambda.amazonaws.com", forwarder=forwards)
    return found


def of(resource: Resource, facts: Mapping[str, Facts]) -> Facts:
    """Return what is said of a resource. Raises AssertionError where nobody said anything."""
    where = f"{resource.stack}: {resource.logical}"
    assert facts.get(resource.logical), f"{where} ({resource.kind}): say what must not be lost"
    return facts[resource.logical]
