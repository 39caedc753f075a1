"""What of a stack may be there before the stack is, and how an import tells of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from ops.stack.resolve import Resolver

BUCKET: Final = "AWS::S3::Bucket"
CLUSTER: Final = "AWS::ECS::Cluster"
LOG_GROUP: Final = "AWS::Logs::LogGroup"
#: A bucket has one at most, and creating it where one is fails (CloudFormation coverage roadmap,
#: issue 1068, which also says that it can be imported).
POLICY: Final = "AWS::S3::BucketPolicy"
QUEUE: Final = "AWS::SQS::Queue"
SCHEDULES: Final = "AWS::Scheduler::ScheduleGroup"
TABLE: Final = "AWS::DynamoDB::Table"

#: By type, the property that identifies a resource to an import, and the one that names it.
_NAMED_BY: Final = {
    TABLE: ("TableName", "TableName"),
    CLUSTER: ("ClusterName", "ClusterName"),
    LOG_GROUP: ("LogGroupName", "LogGroupName"),
    BUCKET: ("BucketName", "BucketName"),
    POLICY: ("Bucket", "Bucket"),
    QUEUE: ("QueueUrl", "QueueName"),
    SCHEDULES: ("Name", "Name"),
}

#: Of a table, what cannot differ.
_OF_TABLE: Final = ("TableName", "AttributeDefinitions", "KeySchema")


#: What an import says though no template does: what would stand against what templates say (a key
#: beside SQS's own ones), is asked for, or is nothing that a queue of the fleet may have.
_BESIDE: Final = {
    QUEUE: (
        "DelaySeconds",
        "KmsDataKeyReusePeriodSeconds",
        "KmsMasterKeyId",
        "RedriveAllowPolicy",
        "RedrivePolicy",
    ),
    TABLE: ("ProvisionedThroughput",),
}


@dataclass(frozen=True, slots=True)
class Importable:
    """A resource that may be there before its stack is, and is then imported."""

    type: str
    """CloudFormation's name of its type."""
    identifier: str
    """The property that names it to CloudFormation: for a queue `QueueUrl`, which is looked up."""
    name: str
    """Its own name: the identifier's value, but for a queue."""
    properties: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """What an import says of it, without functions, whatever is there: what cannot differ."""
    parts: frozenset[str] = field(default=frozenset(), compare=False)
    """What the fleet puts into it: a bucket's lifecycle rules, a policy's statements, by id."""
    says: frozenset[str] = field(default=frozenset(), compare=False)
    """The properties that an import says as they are. The update after it sets what differs; what
    the template says nothing of is not touched."""

    @property
    def kind(self) -> str:
        """Its type, as people are told of it."""
        return self.type.removeprefix("AWS::")


def importables(resources: Mapping[str, Any], resolver: Resolver) -> dict[str, Importable]:
    """Return what of a template's resources can be imported, by logical id."""
    return {
        logical: _importable(resource, resolver.value(resource["Properties"]))
        for logical, resource in resources.items()
        if resource["Type"] in _NAMED_BY and resolver.holds(resource.get("Condition"))
    }


def as_imported(resource: Mapping[str, Any], properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return a template's resource as an import has it: on no condition, with these properties.

    An import is refused of what says not what becomes of it with its stack: what says nothing is
    kept until the update after it has the template's own word.
    """
    policies = {
        name: resource.get(name, "Retain") for name in ("DeletionPolicy", "UpdateReplacePolicy")
    }
    return {"Type": resource["Type"], **policies, "Properties": dict(properties)}


def _importable(resource: Mapping[str, Any], properties: Mapping[str, Any]) -> Importable:
    kind = resource["Type"]
    identifier, named = _NAMED_BY[kind]
    name = str(properties[named])
    if kind == TABLE:
        said = {key: properties[key] for key in _OF_TABLE}
    elif kind == POLICY:
        said = dict(properties)
    else:
        said = {named: name}
    says = frozenset(properties.keys() - {"Tags"}).union(_BESIDE.get(kind, ()))
    parts = frozenset(_parts(resource["Properties"]))
    return Importable(kind, identifier, name, said, parts, says)


def _parts(node: Any) -> Iterator[str]:
    """Yield the ids of rules and statements, also of those that the manifest asks for no longer."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key in ("Id", "Sid"):
                yield str(value)
            yield from _parts(value)
    elif isinstance(node, list):
        for each in node:
            yield from _parts(each)
