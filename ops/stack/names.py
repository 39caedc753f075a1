"""How stacks and what is in them are called. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.manifest.checks import LONGEST_NAME_CHARACTERS

if TYPE_CHECKING:
    from worker.fleet import Fleet

#: The hooks of every group.
JOIN: Final = "fleet-join"
LEAVE: Final = "fleet-leave"

#: The most characters of a name, by what it is of, each with where AWS says so.
LONGEST: Final = {
    # CloudFormation API Reference, CreateStack, StackName
    "stack": 128,
    # S3 User Guide, "General purpose bucket naming rules"
    "bucket": 63,
    # SQS quotas, "Queue name"
    "queue": LONGEST_NAME_CHARACTERS,
    # Lambda API Reference, CreateFunction, FunctionName
    "function": 64,
    # EventBridge API Reference, PutRule, Name
    "rule": 64,
    # Firehose API Reference, CreateDeliveryStream, DeliveryStreamName
    "delivery stream": 64,
    # EventBridge Scheduler API Reference, CreateScheduleGroup, Name
    "schedule group": 64,
    # CodeDeploy API Reference, CreateApplication and CreateDeploymentGroup
    "application": 100,
    "deployment group": 100,
    # EC2 API Reference, CreateLaunchTemplate, LaunchTemplateName
    "launch template": 128,
    # Systems Manager API Reference, CreateDocument, Name
    "document": 128,
    # EC2 Auto Scaling API Reference, CreateAutoScalingGroup
    "group": 255,
    # CloudWatch API Reference, PutMetricAlarm, AlarmName
    "alarm": 255,
    # ECS API Reference, CreateService, serviceName; RegisterTaskDefinition, family
    "service": 255,
    # CloudFormation API Reference, Export, Name
    "export": 255,
}


def shared_stack(fleet: str) -> str:
    """Return the name of the stack of what a fleet's queues share."""
    return f"{_stack(fleet)}-shared"


def queue_stack(fleet: str, queue: str) -> str:
    """Return the name of a queue's stack; _ becomes -, as stacks' names have none."""
    return f"{_stack(fleet)}-queue-{_stack(queue)}"


def queues_of(fleet: str, queue: str) -> tuple[str, str]:
    """Return the names on SQS of a queue and of its dead-letter queue."""
    return f"{fleet}-{queue}", f"{fleet}-{queue}-dlq"


def group(fleet: Fleet, queue: str) -> str:
    """Return the name of a queue's Auto Scaling group, or of its ECS service."""
    return fleet.physical_name(queue)


def artifact_bucket(fleet: Fleet, account: str, region: str) -> str:
    """Return the bucket of releases: the manifest's, else one named by fleet, account, region."""
    return fleet.aws.artifact_bucket or f"{_bucket(fleet.name)}-artifacts-{account}-{region}"


def log_bucket(fleet: Fleet, account: str, region: str) -> str:
    """Return the bucket that logs are delivered to."""
    return f"{_bucket(fleet.name)}-logs-{account}-{region}"


def image_parameter(fleet: Fleet) -> str:
    """Return the AMI of the nodes, or the SSM parameter that holds its id."""
    return fleet.aws.image or f"/{fleet.name}/image"


def document(fleet: Fleet) -> str:
    """Return the SSM document that nodes obey."""
    return f"{fleet.name}-node"


def journal(fleet: Fleet) -> str:
    """Return the log group of the scaling engine's decisions."""
    return f"/fleet/{fleet.name}/journal"


def _stack(name: str) -> str:
    # "[a-zA-Z][-a-zA-Z0-9]*" (CreateStack).
    return name.replace("_", "-")


def _bucket(name: str) -> str:
    return name.lower().replace("_", "-")
