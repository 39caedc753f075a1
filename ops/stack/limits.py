"""What AWS allows of a template, a policy, a name and an account, held against the plans. Pure.

Quotas are the defaults of a fresh account; those of an account that has asked for more are higher.
"""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ops.stack import names
from ops.stack.resolve import Resolver

if TYPE_CHECKING:
    from ops.stack.compose import Account, StackPlan

#: CloudFormation quotas (User Guide): bytes of a template in S3, and sent along.
TEMPLATE_BYTES: Final = 1_048_576
INLINE_BYTES: Final = 51_200


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing held against its limit."""

    stack: str
    """"" for what the stacks come to together."""
    what: str
    found: int
    most: int
    source: str

    @property
    def over(self) -> bool:
        """Whether it is too much."""
        return self.found > self.most

    def __str__(self) -> str:
        place = f"{self.stack}: " if self.stack else ""
        return (
            f"{place}{self.what}: expected at most {self.most}, found {self.found} ({self.source})"
        )


_CFN: Final = "CloudFormation quotas"
_IAM: Final = "IAM and STS quotas"
_ASG: Final = "EC2 Auto Scaling quotas"

#: By type, the most resources of it in a region (IAM's: in an account). Where regions differ it is
#: the lowest.
_IN_ACCOUNT: Final = {
    "AWS::AutoScaling::AutoScalingGroup": (500, _ASG),
    "AWS::CloudWatch::Alarm": (5000, "CloudWatch service quotas"),
    "AWS::CodeDeploy::Application": (1000, "CodeDeploy quotas"),
    "AWS::CodeDeploy::DeploymentGroup": (1000, "CodeDeploy quotas, groups of an application"),
    "AWS::DynamoDB::Table": (2500, "DynamoDB quotas"),
    "AWS::EC2::LaunchTemplate": (5000, "EC2 User Guide, launch template restrictions"),
    "AWS::EC2::SecurityGroup": (2500, "VPC quotas"),
    "AWS::ECS::Service": (5000, "ECS quotas, services of a cluster"),
    "AWS::Events::Rule": (100, "EventBridge quotas, rules of a bus"),
    "AWS::IAM::InstanceProfile": (1000, _IAM),
    "AWS::IAM::Role": (1000, _IAM),
    "AWS::KinesisFirehose::DeliveryStream": (50, "Firehose quotas"),
    "AWS::S3::Bucket": (10_000, "S3 quotas"),
    "AWS::SSM::Document": (500, "Systems Manager quotas"),
    "AWS::Scheduler::ScheduleGroup": (500, "EventBridge Scheduler quotas"),
}

#: By type, what its names are of (`names.LONGEST`), and the property that has them.
_NAMED: Final = {
    "AWS::AutoScaling::AutoScalingGroup": ("group", "AutoScalingGroupName"),
    "AWS::CloudWatch::Alarm": ("alarm", "AlarmName"),
    "AWS::CodeDeploy::Application": ("application", "ApplicationName"),
    "AWS::CodeDeploy::DeploymentGroup": ("deployment group", "DeploymentGroupName"),
    "AWS::EC2::LaunchTemplate": ("launch template", "LaunchTemplateName"),
    "AWS::ECS::Cluster": ("service", "ClusterName"),
    "AWS::ECS::Service": ("service", "ServiceName"),
    "AWS::Events::Rule": ("rule", "Name"),
    "AWS::KinesisFirehose::DeliveryStream": ("delivery stream", "DeliveryStreamName"),
    "AWS::Lambda::Function": ("function", "FunctionName"),
    "AWS::S3::Bucket": ("bucket", "BucketName"),
    "AWS::SQS::Queue": ("queue", "QueueName"),
    "AWS::SSM::Document": ("document", "Name"),
    "AWS::Scheduler::ScheduleGroup": ("schedule group", "Name"),
}


def measures(plans: Iterable[StackPlan], account: Account) -> tuple[Measure, ...]:
    """Return all that is held against a limit, of each plan and of all together."""
    together: Counter[str] = Counter()
    found: list[Measure] = []
    stacks = 0
    for plan in plans:
        stacks += 1
        resolver = Resolver(plan, account)
        resources = resolver.resources()
        together.update(resource["Type"] for resource in resources.values())
        found += _of_template(plan, resolver.outputs())
        for name, resource in resources.items():
            found += _of_resource(plan.name, name, resource)
        found += _of_groups(plan.name, resources)
    found.append(Measure("", "stacks", stacks, 2000, _CFN))
    found += [
        Measure("", f"{kind} resources", together[kind], most, source)
        for kind, (most, source) in _IN_ACCOUNT.items()
    ]
    return tuple(found)


def policy_characters(document: Any) -> int:
    """Return a policy's size as IAM counts it: characters, white space left out."""
    return len(json.dumps(document, separators=(",", ":")).replace(" ", ""))


def _of_template(plan: StackPlan, outputs: Mapping[str, Any]) -> Iterator[Measure]:
    template = plan.template
    yield Measure(plan.name, "template, bytes", len(plan.body().encode()), TEMPLATE_BYTES, _CFN)
    description = len(str(template.get("Description", "")).encode())
    yield Measure(plan.name, "description, bytes", description, 1024, _CFN)
    yield Measure(plan.name, "resources", len(template["Resources"]), 500, _CFN)
    yield Measure(plan.name, "parameters", len(template.get("Parameters", {})), 200, _CFN)
    yield Measure(plan.name, "outputs", len(template.get("Outputs", {})), 200, _CFN)
    yield Measure(plan.name, "tags", len(plan.tags), 50, "CloudFormation API, CreateStack, Tags")
    longest = max((len(value.encode()) for value in plan.parameters.values()), default=0)
    yield Measure(plan.name, "a parameter's value, bytes", longest, 4096, _CFN)
    # Ids are the longest identifiers that templates have.
    identifier = max(map(len, (*template["Resources"], *template.get("Parameters", ()))))
    yield Measure(plan.name, "a logical id, characters", identifier, 255, _CFN)
    yield _name(plan.name, "stack", plan.name)
    for output in outputs.values():
        if "Export" in output:
            yield _name(plan.name, "export", output["Export"]["Name"])


def _of_resource(stack: str, name: str, resource: Mapping[str, Any]) -> Iterator[Measure]:
    kind, properties = resource["Type"], resource["Properties"]
    if kind in _NAMED:
        of, key = _NAMED[kind]
        yield _name(stack, of, properties[key])
    if "Tags" in properties:
        yield Measure(stack, f"{name}, tags", len(properties["Tags"]), 50, "Tagging best practices")
    if kind == "AWS::IAM::Role":
        yield from _of_role(stack, name, properties)
    elif kind == "AWS::S3::BucketPolicy":
        size = len(json.dumps(properties["PolicyDocument"]))
        yield Measure(stack, f"{name}, bytes", size, 20 * 1024, "S3 User Guide, bucket policies")
    elif kind == "AWS::KMS::Key":
        size = len(json.dumps(properties["KeyPolicy"]))
        yield Measure(stack, f"{name}, policy, bytes", size, 32 * 1024, "KMS quotas")
    elif kind == "AWS::Lambda::Function":
        variables = properties.get("Environment", {}).get("Variables", {})
        size = sum(len(key) + len(value) for key, value in variables.items())
        yield Measure(stack, f"{name}, environment, bytes", size, 4096, "Lambda quotas")
    elif kind == "AWS::EC2::LaunchTemplate":
        text = base64.b64decode(properties["LaunchTemplateData"]["UserData"])
        yield Measure(stack, f"{name}, user data, bytes", len(text), 16 * 1024, "EC2 User Guide")
    elif kind == "AWS::SSM::Document":
        size = len(json.dumps(properties["Content"]))
        yield Measure(stack, f"{name}, bytes", size, 64 * 1024, "Systems Manager quotas")
    elif kind == "AWS::SQS::Queue" and "RedriveAllowPolicy" in properties:
        sources = len(properties["RedriveAllowPolicy"]["sourceQueueArns"])
        yield Measure(stack, f"{name}, sources", sources, 10, "SQS API, SetQueueAttributes")
    elif kind == "AWS::Events::Rule":
        yield Measure(
            stack, f"{name}, targets", len(properties["Targets"]), 5, "EventBridge quotas"
        )
    elif kind == "AWS::CodeDeploy::DeploymentGroup":
        groups = len(properties["Ec2TagSet"]["Ec2TagSetList"])
        yield Measure(stack, f"{name}, tag groups", groups, 3, "CodeDeploy quotas")


def _of_role(stack: str, name: str, properties: Mapping[str, Any]) -> Iterator[Measure]:
    # All inline policies of a role together.
    size = sum(policy_characters(each["PolicyDocument"]) for each in properties["Policies"])
    yield Measure(stack, f"{name}, inline policies, characters", size, 10_240, _IAM)
    trust = policy_characters(properties["AssumeRolePolicyDocument"])
    yield Measure(stack, f"{name}, trust policy, characters", trust, 2048, _IAM)
    managed = len(properties.get("ManagedPolicyArns", ()))
    yield Measure(stack, f"{name}, managed policies", managed, 10, _IAM)


def _of_groups(stack: str, resources: Mapping[str, Any]) -> Iterator[Measure]:
    kinds = Counter(resource["Type"] for resource in resources.values())
    actions = kinds["AWS::AutoScaling::ScheduledAction"]
    yield Measure(stack, "scheduled actions of the group", actions, 125, _ASG)
    for resource in resources.values():
        if resource["Type"] == "AWS::AutoScaling::AutoScalingGroup":
            properties = resource["Properties"]
            hooks = len(properties["LifecycleHookSpecificationList"])
            yield Measure(stack, "lifecycle hooks of the group", hooks, 50, _ASG)
            policy = properties["MixedInstancesPolicy"]["LaunchTemplate"]
            yield Measure(stack, "instance types", len(policy["Overrides"]), 40, _ASG)
    filters = Counter(
        resource["Properties"]["LogGroupName"]
        for resource in resources.values()
        if resource["Type"] == "AWS::Logs::SubscriptionFilter"
    )
    for group, count in filters.items():
        yield Measure(stack, f"{group}, subscriptions", count, 2, "CloudWatch Logs quotas")


def _name(stack: str, of: str, name: str) -> Measure:
    what = f"the name of a {of}, {name}, characters"
    return Measure(stack, what, len(name), names.LONGEST[of], "names.LONGEST")
