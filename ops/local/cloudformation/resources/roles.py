"""Roles and instance profiles of IAM."""

from __future__ import annotations

from typing import Any, Final

from ops.local.cloudformation.place import Place
from ops.local.cloudformation.resource import Properties, Resource, changed, only
from ops.local.cloudformation.shapes import by_key, pairs

_ABSENT: Final = "NoSuchEntity"
_ROLE: Final = (
    "AssumeRolePolicyDocument",
    "Description",
    "MaxSessionDuration",
    "Path",
    "PermissionsBoundary",
    "Tags",
)


class Role(Resource):
    """AWS::IAM::Role; its physical id is its name."""

    kind = "AWS::IAM::Role"
    handled = frozenset({"RoleName", "ManagedPolicyArns", "Policies", *_ROLE})

    def identity(self, at: Place, wanted: Properties) -> str | None:
        """Return its name."""
        return wanted.get("RoleName")

    def create(self, at: Place, wanted: Properties) -> str:
        """Create it, attach what it has, put its own policies."""
        name = str(wanted.get("RoleName", at.name()))
        at.call("iam", "CreateRole", {"RoleName": name, **only(wanted, *_ROLE)})
        self._policies(at, name, {}, wanted)
        return name

    def update(self, at: Place, physical: str, before: Properties, wanted: Properties) -> None:
        """Set what differs."""
        role = {"RoleName": physical}
        if changed(before, wanted, "AssumeRolePolicyDocument"):
            document = {"PolicyDocument": wanted["AssumeRolePolicyDocument"]}
            at.call("iam", "UpdateAssumeRolePolicy", {**role, **document})
        if changed(before, wanted, "Description", "MaxSessionDuration"):
            defaults = {"Description": "", "MaxSessionDuration": 3600}
            at.call("iam", "UpdateRole", {**role, **defaults, **only(wanted, *defaults)})
        if changed(before, wanted, "PermissionsBoundary"):
            if "PermissionsBoundary" in wanted:
                boundary = only(wanted, "PermissionsBoundary")
                at.call("iam", "PutRolePermissionsBoundary", {**role, **boundary})
            else:
                at.call("iam", "DeleteRolePermissionsBoundary", role)
        old, new = by_key(before.get("Tags")), by_key(wanted.get("Tags"))
        gone = sorted(set(old) - set(new))
        if gone:
            at.call("iam", "UntagRole", {**role, "TagKeys": gone})
        if new and new != old:
            at.call("iam", "TagRole", {**role, "Tags": pairs(new)})
        self._policies(at, physical, before, wanted)

    def delete(self, at: Place, physical: str, had: Properties) -> None:
        """Take everything off it, then delete it."""
        if at.found("iam", "GetRole", {"RoleName": physical}, _ABSENT) is None:
            return
        self._policies(at, physical, had, {})
        at.call("iam", "DeleteRole", {"RoleName": physical})

    def read(self, at: Place, physical: str, had: Properties) -> dict[str, Any] | None:
        """Return it with its policies, attached and its own."""
        role = {"RoleName": physical}
        found = at.found("iam", "GetRole", role, _ABSENT)
        if found is None:
            return None
        shown = found["Role"]
        attached = at.call("iam", "ListAttachedRolePolicies", role)["AttachedPolicies"]
        names = at.call("iam", "ListRolePolicies", role)["PolicyNames"]
        policies = [at.call("iam", "GetRolePolicy", {**role, "PolicyName": n}) for n in names]
        boundary = shown.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
        return {
            "RoleName": physical,
            **only(shown, "AssumeRolePolicyDocument", "Description", "MaxSessionDuration", "Path"),
            **({"PermissionsBoundary": boundary} if boundary else {}),
            "Tags": shown.get("Tags", []),
            "ManagedPolicyArns": [policy["PolicyArn"] for policy in attached],
            "Policies": [only(policy, "PolicyName", "PolicyDocument") for policy in policies],
        }

    def attributes(self, at: Place, physical: str, had: Properties) -> dict[str, Any]:
        """Return its ARN and id."""
        shown = at.call("iam", "GetRole", {"RoleName": physical})["Role"]
        return {"Arn": shown["Arn"], "RoleId": shown["RoleId"]}

    def _policies(self, at: Place, name: str, before: Properties, wanted: Properties) -> None:
        role = {"RoleName": name}
        old, new = before.get("ManagedPolicyArns", []), wanted.get("ManagedPolicyArns", [])
        for arn in [arn for arn in old if arn not in new]:
            at.found("iam", "DetachRolePolicy", {**role, "PolicyArn": arn}, _ABSENT)
        for arn in [arn for arn in new if arn not in old]:
            at.call("iam", "AttachRolePolicy", {**role, "PolicyArn": arn})
        inline = {policy["PolicyName"] for policy in wanted.get("Policies", [])}
        for policy in before.get("Policies", []):
            if policy["PolicyName"] not in inline:
                gone = {**role, "PolicyName": policy["PolicyName"]}
                at.found("iam", "DeleteRolePolicy", gone, _ABSENT)
        if changed(before, wanted, "Policies"):
            for policy in wanted.get("Policies", []):
                at.call("iam", "PutRolePolicy", {**role, **policy})


class InstanceProfile(Resource):
    """AWS::IAM::InstanceProfile; its physical id is its name."""

    kind = "AWS::IAM::InstanceProfile"
    handled = frozenset({"InstanceProfileName", "Path", "Roles"})

    def identity(self, at: Place, wanted: Properties) -> str | None:
        """Return its name."""
        return wanted.get("InstanceProfileName")

    def create(self, at: Place, wanted: Properties) -> str:
        """Create it and add its role."""
        name = str(wanted.get("InstanceProfileName", at.name(128)))
        parameters = {"InstanceProfileName": name, **only(wanted, "Path")}
        at.call("iam", "CreateInstanceProfile", parameters)
        self.update(at, name, {}, wanted)
        return name

    def update(self, at: Place, physical: str, before: Properties, wanted: Properties) -> None:
        """Exchange its role."""
        profile = {"InstanceProfileName": physical}
        if not changed(before, wanted, "Roles"):
            return
        for role in before.get("Roles", []):
            parameters = {**profile, "RoleName": role}
            at.found("iam", "RemoveRoleFromInstanceProfile", parameters, _ABSENT)
        for role in wanted.get("Roles", []):
            at.call("iam", "AddRoleToInstanceProfile", {**profile, "RoleName": role})

    def delete(self, at: Place, physical: str, had: Properties) -> None:
        """Take its role off it, then delete it."""
        profile = {"InstanceProfileName": physical}
        if at.found("iam", "GetInstanceProfile", profile, _ABSENT) is not None:
            self.update(at, physical, had, {})
            at.call("iam", "DeleteInstanceProfile", profile)

    def read(self, at: Place, physical: str, had: Properties) -> dict[str, Any] | None:
        """Return it."""
        found = at.found("iam", "GetInstanceProfile", {"InstanceProfileName": physical}, _ABSENT)
        if found is None:
            return None
        shown = found["InstanceProfile"]
        roles = [role["RoleName"] for role in shown["Roles"]]
        return {"InstanceProfileName": physical, "Path": shown["Path"], "Roles": roles}

    def attributes(self, at: Place, physical: str, had: Properties) -> dict[str, Any]:
        """Return its ARN."""
        found = at.call("iam", "GetInstanceProfile", {"InstanceProfileName": physical})
        return {"Arn": found["InstanceProfile"]["Arn"]}


TYPES: Final = (Role(), InstanceProfile())
