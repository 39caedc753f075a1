"""Launch templates and security groups of EC2."""

from __future__ import annotations

from typing import Any, Final

from ops.local.cloudformation.place import Place
from ops.local.cloudformation.resource import Properties, Resource, changed, only
from ops.local.cloudformation.shapes import pairs

_TEMPLATE_ABSENT: Final = (
    "InvalidLaunchTemplateId.NotFound",
    "InvalidLaunchTemplateName.NotFoundException",
)
_GROUP_ABSENT: Final = ("InvalidGroup.NotFound", "InvalidGroupId.NotFound")
#: What AWS lets out of a new group: everything.
_ALL_OUT: Final = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}


class LaunchTemplate(Resource):
    """AWS::EC2::LaunchTemplate; its physical id is its id. An update is a new version of it."""

    kind = "AWS::EC2::LaunchTemplate"
    handled = frozenset(
        {"LaunchTemplateName", "LaunchTemplateData", "TagSpecifications", "VersionDescription"}
    )
    renewed = frozenset({"LatestVersionNumber"})

    def identity(self, at: Place, wanted: Properties) -> str | None:
        """Return the id of the one of that name, if there is one."""
        if "LaunchTemplateName" not in wanted:
            return None
        parameters = {"LaunchTemplateNames": [wanted["LaunchTemplateName"]]}
        found = at.found("ec2", "DescribeLaunchTemplates", parameters, *_TEMPLATE_ABSENT)
        shown = (found or {}).get("LaunchTemplates", [])
        return str(shown[0]["LaunchTemplateId"]) if shown else None

    def create(self, at: Place, wanted: Properties) -> str:
        """Create it with its first version."""
        parameters = {"LaunchTemplateName": at.name(128), **wanted}
        made = at.call("ec2", "CreateLaunchTemplate", parameters)
        return str(made["LaunchTemplate"]["LaunchTemplateId"])

    def update(self, at: Place, physical: str, before: Properties, wanted: Properties) -> None:
        """Add a version, or retag it."""
        if changed(before, wanted, "LaunchTemplateData", "VersionDescription"):
            parameters = {
                "LaunchTemplateId": physical,
                **only(wanted, "LaunchTemplateData", "VersionDescription"),
            }
            at.call("ec2", "CreateLaunchTemplateVersion", parameters)
        if changed(before, wanted, "TagSpecifications"):
            resource = {"Resources": [physical]}
            for operation, values in (("DeleteTags", before), ("CreateTags", wanted)):
                for each in values.get("TagSpecifications", []):
                    at.call("ec2", operation, {**resource, "Tags": each["Tags"]})

    def delete(self, at: Place, physical: str, had: Properties) -> None:
        """Delete it with its versions."""
        parameters = {"LaunchTemplateId": physical}
        at.found("ec2", "DeleteLaunchTemplate", parameters, *_TEMPLATE_ABSENT)

    def read(self, at: Place, physical: str, had: Properties) -> dict[str, Any] | None:
        """Return its last version."""
        if self._shown(at, physical) is None:
            return None
        parameters = {"LaunchTemplateId": physical, "Versions": ["$Latest"]}
        found = at.call("ec2", "DescribeLaunchTemplateVersions", parameters)
        data = found["LaunchTemplateVersions"][0]["LaunchTemplateData"]
        # moto has the template's own tags among those of what it launches.
        tags = [
            each
            for each in data.get("TagSpecifications", [])
            if each["ResourceType"] != "launch-template"
        ]
        return {**had, "LaunchTemplateData": {**data, "TagSpecifications": tags}}

    def attributes(self, at: Place, physical: str, had: Properties) -> dict[str, Any]:
        """Return its id and versions."""
        shown = self._shown(at, physical) or {}
        return {
            "LaunchTemplateId": physical,
            "LatestVersionNumber": str(shown.get("LatestVersionNumber", 1)),
            "DefaultVersionNumber": str(shown.get("DefaultVersionNumber", 1)),
        }

    def _shown(self, at: Place, physical: str) -> dict[str, Any] | None:
        parameters = {"LaunchTemplateIds": [physical]}
        found = at.found("ec2", "DescribeLaunchTemplates", parameters, *_TEMPLATE_ABSENT)
        shown = (found or {}).get("LaunchTemplates", [])
        return shown[0] if shown else None


class SecurityGroup(Resource):
    """AWS::EC2::SecurityGroup; its physical id is its id."""

    kind = "AWS::EC2::SecurityGroup"
    handled = frozenset(
        {
            "GroupName",
            "GroupDescription",
            "SecurityGroupIngress",
            "SecurityGroupEgress",
            "Tags",
            "VpcId",
        }
    )

    def create(self, at: Place, wanted: Properties) -> str:
        """Create it; what it lets out replaces what AWS does by itself."""
        parameters = {
            "GroupName": wanted.get("GroupName", at.name(255)),
            "Description": wanted["GroupDescription"],
            **only(wanted, "VpcId"),
        }
        made = str(at.call("ec2", "CreateSecurityGroup", parameters)["GroupId"])
        if wanted.get("SecurityGroupEgress"):
            self._egress(at, made, "RevokeSecurityGroupEgress", [_ALL_OUT])
        self.update(at, made, {}, wanted)
        return made

    def update(self, at: Place, physical: str, before: Properties, wanted: Properties) -> None:
        """Exchange the rules and the tags that differ."""
        for name, direction in (
            ("SecurityGroupIngress", "Ingress"),
            ("SecurityGroupEgress", "Egress"),
        ):
            old = [_permission(rule) for rule in before.get(name, [])]
            new = [_permission(rule) for rule in wanted.get(name, [])]
            gone = [rule for rule in old if rule not in new]
            come = [rule for rule in new if rule not in old]
            if gone:
                self._egress(at, physical, f"RevokeSecurityGroup{direction}", gone)
            if come:
                self._egress(at, physical, f"AuthorizeSecurityGroup{direction}", come)
        if changed(before, wanted, "Tags"):
            resource = {"Resources": [physical]}
            if before.get("Tags"):
                at.call("ec2", "DeleteTags", {**resource, "Tags": pairs(before["Tags"])})
            if wanted.get("Tags"):
                at.call("ec2", "CreateTags", {**resource, "Tags": pairs(wanted["Tags"])})

    def delete(self, at: Place, physical: str, had: Properties) -> None:
        """Delete it."""
        at.found("ec2", "DeleteSecurityGroup", {"GroupId": physical}, *_GROUP_ABSENT)

    def read(self, at: Place, physical: str, had: Properties) -> dict[str, Any] | None:
        """Return its name, tags and network; its rules are taken as they were set."""
        parameters = {"GroupIds": [physical]}
        found = at.found("ec2", "DescribeSecurityGroups", parameters, *_GROUP_ABSENT)
        if found is None or not found["SecurityGroups"]:
            return None
        shown = found["SecurityGroups"][0]
        return {
            **had,
            "GroupName": shown["GroupName"],
            "GroupDescription": shown["Description"],
            "Tags": shown.get("Tags", []),
            **only(shown, "VpcId"),
        }

    def attributes(self, at: Place, physical: str, had: Properties) -> dict[str, Any]:
        """Return its id and network."""
        shown = self.read(at, physical, had) or {}
        return {"Id": physical, "GroupId": physical, "VpcId": shown.get("VpcId", "")}

    def _egress(self, at: Place, group: str, operation: str, rules: list[dict[str, Any]]) -> None:
        at.call("ec2", operation, {"GroupId": group, "IpPermissions": rules})


def _permission(rule: Properties) -> dict[str, Any]:
    described = only(rule, "Description")
    made = only(rule, "IpProtocol", "FromPort", "ToPort")
    for name, ranges in (("CidrIp", "IpRanges"), ("CidrIpv6", "Ipv6Ranges")):
        if name in rule:
            made[ranges] = [{name: rule[name], **described}]
    for name in ("SourceSecurityGroupId", "DestinationSecurityGroupId"):
        if name in rule:
            made["UserIdGroupPairs"] = [{"GroupId": rule[name], **described}]
    for name in ("SourcePrefixListId", "DestinationPrefixListId"):
        if name in rule:
            made["PrefixListIds"] = [{"PrefixListId": rule[name], **described}]
    return made


TYPES: Final = (LaunchTemplate(), SecurityGroup())
