"""Applications and deployment groups of CodeDeploy."""

from __future__ import annotations

from typing import Any, Final

from ops.local.cloudformation.place import Place
from ops.local.cloudformation.resource import Properties, Resource, only, without

_APPLICATION_ABSENT: Final = "ApplicationDoesNotExistException"
_ABSENT: Final = (_APPLICATION_ABSENT, "DeploymentGroupDoesNotExistException")


class Application(Resource):
    """AWS::CodeDeploy::Application; its physical id is its name."""

    kind = "AWS::CodeDeploy::Application"
    handled = frozenset({"ApplicationName", "ComputePlatform", "Tags"})

    def identity(self, at: Place, wanted: Properties) -> str | None:
        """Return its name."""
        return wanted.get("ApplicationName")

    def create(self, at: Place, wanted: Properties) -> str:
        """Create it."""
        name = str(wanted.get("ApplicationName", at.name(100)))
        at.call("codedeploy", "CreateApplication", {**wanted, "ApplicationName": name})
        return name

    def update(self, at: Place, physical: str, before: Properties, wanted: Properties) -> None:
        """Exchange its tags."""
        arn = {"ResourceArn": at.arn("codedeploy", f"application:{physical}")}
        gone = [tag["Key"] for tag in before.get("Tags", []) if tag not in wanted.get("Tags", [])]
        if gone:
            at.call("codedeploy", "UntagResource", {**arn, "TagKeys": gone})
        if wanted.get("Tags"):
            at.call("codedeploy", "TagResource", {**arn, "Tags": wanted["Tags"]})

    def delete(self, at: Place, physical: str, had: Properties) -> None:
        """Delete it with its deployment groups."""
        parameters = {"applicationName": physical}
        at.found("codedeploy", "DeleteApplication", parameters, _APPLICATION_ABSENT)

    def read(self, at: Place, physical: str, had: Properties) -> dict[str, Any] | None:
        """Return its name and platform."""
        parameters = {"applicationName": physical}
        found = at.found("codedeploy", "GetApplication", parameters, _APPLICATION_ABSENT)
        if found is None:
            return None
        platform = found["application"].get("computePlatform", "Server")
        return {**had, "ApplicationName": physical, "ComputePlatform": platform}


class DeploymentGroup(Resource):
    """AWS::CodeDeploy::DeploymentGroup; its physical id is its name."""

    kind = "AWS::CodeDeploy::DeploymentGroup"
    handled = frozenset(
        {
            "AlarmConfiguration",
            "ApplicationName",
            "AutoRollbackConfiguration",
            "AutoScalingGroups",
            "DeploymentConfigName",
            "DeploymentGroupName",
            "DeploymentStyle",
            "Ec2TagFilters",
            "Ec2TagSet",
            "OutdatedInstancesStrategy",
            "ServiceRoleArn",
            "Tags",
            "TerminationHookEnabled",
            "TriggerConfigurations",
        }
    )

    def create(self, at: Place, wanted: Properties) -> str:
        """Create it."""
        name = str(wanted.get("DeploymentGroupName", at.name(100)))
        parameters = {**_parameters(wanted), "DeploymentGroupName": name}
        at.call("codedeploy", "CreateDeploymentGroup", parameters)
        return name

    def update(self, at: Place, physical: str, before: Properties, wanted: Properties) -> None:
        """Set what there is of it."""
        kept = without(_parameters(wanted), "DeploymentGroupName", "Tags")
        parameters = {**kept, "currentDeploymentGroupName": physical}
        at.call("codedeploy", "UpdateDeploymentGroup", parameters)

    def delete(self, at: Place, physical: str, had: Properties) -> None:
        """Delete it."""
        parameters = {**only(had, "ApplicationName"), "DeploymentGroupName": physical}
        at.found("codedeploy", "DeleteDeploymentGroup", parameters, *_ABSENT)

    def read(self, at: Place, physical: str, had: Properties) -> dict[str, Any] | None:
        """Return its settings; of its groups their names."""
        parameters = {**only(had, "ApplicationName"), "DeploymentGroupName": physical}
        found = at.found("codedeploy", "GetDeploymentGroup", parameters, *_ABSENT)
        if found is None:
            return None
        shown = found["deploymentGroupInfo"]
        groups = [each["name"] for each in shown.get("autoScalingGroups", [])]
        named = only(shown, "serviceRoleArn", "deploymentConfigName")
        values = {f"{name[0].upper()}{name[1:]}": value for name, value in named.items()}
        return {**had, **values, "DeploymentGroupName": physical, "AutoScalingGroups": groups}

    def imported(self, identifier: Properties) -> str:
        """Return its name."""
        return str(identifier["DeploymentGroupName"])


def _parameters(wanted: Properties) -> dict[str, Any]:
    """Return the properties with the groups of tags as the API has them: lists in a list."""
    if "Ec2TagSet" not in wanted:
        return dict(wanted)
    groups = wanted["Ec2TagSet"].get("Ec2TagSetList", [])
    listed = [group.get("Ec2TagGroup", []) for group in groups]
    return {**wanted, "Ec2TagSet": {"Ec2TagSetList": listed}}


TYPES: Final = (Application(), DeploymentGroup())
