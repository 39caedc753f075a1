"""What a template comes to with its parameters: CloudFormation's functions worked out. Pure.

Of what only AWS knows (ids, ARNs of what has no name) stands-in are made that have the right form,
so that policies can be read and measured before anything exists.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from ops.stack.compose import Account, StackPlan

_VARIABLE: Final = re.compile(r"\$\{([^!}][^}]*)\}")
_NOTHING: Final = object()


def resolved(plan: StackPlan, account: Account) -> dict[str, Any]:
    """Return the plan's resources as they would be created, without those that are not.

    Raises KeyError for a name that the template does not have, ValueError for a function that is
    not known here.
    """
    return Resolver(plan, account).resources()


class Resolver:
    """Works out one plan's template."""

    def __init__(self, plan: StackPlan, account: Account) -> None:
        self._template = plan.template
        self._resources = plan.template["Resources"]
        self._account = account
        self._pseudo = {
            "AWS::AccountId": account.id,
            "AWS::Region": account.region,
            "AWS::Partition": account.partition,
            "AWS::StackName": plan.name,
            "AWS::URLSuffix": f"amazonaws.com{'.cn' if account.partition == 'aws-cn' else ''}",
            "AWS::NoValue": _NOTHING,
        }
        declared = self._template.get("Parameters", {})
        self._parameters: dict[str, Any] = {
            name: _typed(parameter, plan.parameters.get(name, parameter.get("Default", "")))
            for name, parameter in declared.items()
        }
        self.imported: set[str] = set()
        """The exports of other stacks that were asked for so far."""

    def resources(self) -> dict[str, Any]:
        """Return the resources that would be there, by logical id."""
        return {
            name: {**resource, "Properties": self.value(resource.get("Properties", {}))}
            for name, resource in self._resources.items()
            if self.holds(resource.get("Condition"))
        }

    def outputs(self) -> dict[str, Any]:
        """Return the outputs that would be there, by logical id."""
        return {
            name: self.value(output)
            for name, output in self._template.get("Outputs", {}).items()
            if self.holds(output.get("Condition"))
        }

    def holds(self, condition: str | None) -> bool:
        """Say whether a condition holds; None always does."""
        if condition is None:
            return True
        return bool(self.value(self._template["Conditions"][condition]))

    def value(self, node: Any) -> Any:
        """Return a node with every function in it worked out."""
        if isinstance(node, list):
            values = (self.value(each) for each in node)
            return [each for each in values if each is not _NOTHING]
        if not isinstance(node, Mapping):
            return node
        if len(node) == 1:
            ((key, argument),) = node.items()
            if key in ("Ref", "Condition") or key.startswith("Fn::"):
                known = self._functions().get(key)
                if known is not None:
                    return known(argument)
                if key.startswith("Fn::"):
                    raise ValueError(f"{key}: not known here")
        items = {key: self.value(each) for key, each in node.items()}
        return {key: each for key, each in items.items() if each is not _NOTHING}

    def _functions(self) -> dict[str, Callable[[Any], Any]]:
        return {
            "Ref": self._ref,
            "Condition": lambda name: (
                self.holds(name) if isinstance(name, str) else {"Condition": self.value(name)}
            ),
            "Fn::And": lambda each: all(self.value(one) for one in each),
            "Fn::Base64": lambda text: base64.b64encode(str(self.value(text)).encode()).decode(),
            "Fn::Equals": lambda pair: str(self.value(pair[0])) == str(self.value(pair[1])),
            "Fn::GetAtt": self._attribute,
            "Fn::If": lambda three: self.value(three[1 if self.holds(three[0]) else 2]),
            "Fn::ImportValue": lambda name: self._imported(str(self.value(name))),
            "Fn::Join": lambda pair: str(pair[0]).join(map(str, self.value(pair[1]))),
            "Fn::Not": lambda one: not self.value(one[0]),
            "Fn::Or": lambda each: any(self.value(one) for one in each),
            "Fn::Select": lambda pair: self.value(pair[1])[int(pair[0])],
            "Fn::Split": lambda pair: str(self.value(pair[1])).split(pair[0]),
            "Fn::Sub": self._sub,
        }

    def _ref(self, name: str) -> Any:
        if name in self._pseudo:
            return self._pseudo[name]
        if name in self._parameters:
            return self._parameters[name]
        if self._resources[name]["Type"] in _REF_IS_ARN:
            return self._attribute([name, "Arn"])
        return self._physical(name)

    def _sub(self, argument: Any) -> str:
        text, own = (argument, {}) if isinstance(argument, str) else argument
        values = {name: self.value(each) for name, each in own.items()}

        def replace(match: re.Match[str]) -> str:
            name = match[1]
            if name in values:
                return str(values[name])
            if "." in name:
                return str(self._attribute(name.split(".", 1)))
            return str(self._ref(name))

        return _VARIABLE.sub(replace, text).replace("${!", "${")

    def _physical(self, name: str) -> str:
        properties = self._resources[name].get("Properties", {})
        for key, each in properties.items():
            if key in _NAMES:
                return str(self.value(each))
        return f"{self._pseudo['AWS::StackName']}-{name}-ABCDEFGHIJKL"

    def _attribute(self, path: list[str]) -> str:
        name, attribute = path
        resource = self._resources[name]
        if attribute != "Arn":
            return self._physical(name) if attribute == "Name" else f"{name}.{attribute}"
        service, kind = _ARNS[resource["Type"]]
        region = "" if service in ("iam", "s3") else self._account.region
        number = "" if service == "s3" else self._account.id
        place = f"{self._account.partition}:{service}:{region}:{number}"
        return f"arn:{place}:{kind}{self._physical(name)}"

    def _imported(self, name: str) -> str:
        self.imported.add(name)
        return name


#: Properties that give a resource its name.
_NAMES: Final = frozenset(
    {
        "AutoScalingGroupName",
        "BucketName",
        "ClusterName",
        "DeliveryStreamName",
        "FunctionName",
        "LogGroupName",
        "QueueName",
        "ServiceName",
        "TableName",
        "TopicName",
    }
)

_REF_IS_ARN: Final = frozenset({"AWS::ECS::TaskDefinition", "AWS::SNS::Topic"})

_ARNS: Final = {
    "AWS::ECS::TaskDefinition": ("ecs", "task-definition/"),
    "AWS::SNS::Topic": ("sns", ""),
    "AWS::CodeDeploy::Application": ("codedeploy", "application:"),
    "AWS::DynamoDB::Table": ("dynamodb", "table/"),
    "AWS::Events::Rule": ("events", "rule/"),
    "AWS::IAM::InstanceProfile": ("iam", "instance-profile/"),
    "AWS::IAM::Role": ("iam", "role/"),
    "AWS::KMS::Key": ("kms", "key/"),
    "AWS::KinesisFirehose::DeliveryStream": ("firehose", "deliverystream/"),
    "AWS::Lambda::Function": ("lambda", "function:"),
    "AWS::S3::Bucket": ("s3", ""),
    "AWS::SQS::Queue": ("sqs", ""),
}


def _typed(parameter: Mapping[str, Any], value: Any) -> Any:
    kind = str(parameter["Type"])
    if kind.startswith(("List<", "CommaDelimitedList")):
        return str(value).split(",") if str(value) else [""]
    return str(value)
