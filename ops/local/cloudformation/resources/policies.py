"""Policies of IAM: managed ones, and those put into roles."""

from __future__ import annotations

from typing import Any, Final

from ops.local.cloudformation.place import Place
from ops.local.cloudformation.resource import Properties, Resource, changed, only

_ABSENT: Final = "NoSuchEntity"


class ManagedPolicy(Resource):
    """AWS::IAM::ManagedPolicy; its physical id is its ARN."""

    kind = "AWS::IAM::ManagedPolicy"
    handled = frozenset({"ManagedPolicyName", "Description", "Path", "PolicyDocument", "Roles"})

    def identity(self, at: Place, wanted: Properties) -> str | None:
        """Return its ARN."""
        name = wanted.get("ManagedPolicyName")
        path = wanted.get("Path", "/")
        return None if name is None else at.arn("iam", f"policy{path}{name}", regional=False)

    def create(self, at: Place, wanted: Properties) -> str:
        """Create it and attach it to its roles."""
        parameters = {
            "PolicyName": wanted.get("ManagedPolicyName", at.name(128)),
            **only(wanted, "Description", "Path", "PolicyDocument"),
        }
        arn = str(at.call("iam", "CreatePolicy", parameters)["Policy"]["Arn"])
        self._attach(at, arn, {}, wanted)
        return arn

    def update(self, at: Place, physical: str, before: Properties, wanted: Properties) -> None:
        """Make a new version of it the default; IAM keeps five, here the last one is enough."""
        policy = {"PolicyArn": physical}
        if changed(before, wanted, "PolicyDocument"):
            version = {**only(wanted, "PolicyDocument"), "SetAsDefault": True}
            at.call("iam", "CreatePolicyVersion", {**policy, **version})
            for each in at.call("iam", "ListPolicyVersions", policy)["Versions"]:
                if not each["IsDefaultVersion"]:
                    old = {**policy, "VersionId": each["VersionId"]}
                    at.call("iam", "DeletePolicyVersion", old)
        self._attach(at, physical, before, wanted)

    def delete(self, at: Place, physical: str, had: Properties) -> None:
        """Detach it, then delete it."""
        if at.found("iam", "GetPolicy", {"PolicyArn": physical}, _ABSENT) is not None:
            self._attach(at, physical, had, {})
            at.call("iam", "DeletePolicy", {"PolicyArn": physical})

    def read(self, at: Place, physical: str, had: Properties) -> dict[str, Any] | None:
        """Return the document of its default version, and its roles."""
        policy = {"PolicyArn": physical}
        found = at.found("iam", "GetPolicy", policy, _ABSENT)
        if found is None:
            return None
        version = {**policy, "VersionId": found["Policy"]["DefaultVersionId"]}
        document = at.call("iam", "GetPolicyVersion", version)["PolicyVersion"]["Document"]
        roles = at.call("iam", "ListEntitiesForPolicy", policy)["PolicyRoles"]
        return {
            **only(found["Policy"], "Path", "Description"),
            "ManagedPolicyName": found["Policy"]["PolicyName"],
            "PolicyDocument": document,
            "Roles": [role["RoleName"] for role in roles],
        }

    def attributes(self, at: Place, physical: str, had: Properties) -> dict[str, Any]:
        """Return its ARN."""
        return {"PolicyArn": physical}

    def _attach(self, at: Place, arn: str, before: Properties, wanted: Properties) -> None:
        old, new = before.get("Roles", []), wanted.get("Roles", [])
        for role in [role for role in old if role not in new]:
            parameters = {"RoleName": role, "PolicyArn": arn}
            at.found("iam", "DetachRolePolicy", parameters, _ABSENT)
        for role in [role for role in new if role not in old]:
            at.call("iam", "AttachRolePolicy", {"RoleName": role, "PolicyArn": arn})


class Policy(Resource):
    """AWS::IAM::Policy: one document put into several roles."""

    kind = "AWS::IAM::Policy"
    handled = frozenset({"PolicyName", "PolicyDocument", "Roles"})

    def create(self, at: Place, wanted: Properties) -> str:
        """Put it into each role."""
        for role in wanted.get("Roles", []):
            parameters = {"RoleName": role, **only(wanted, "PolicyName", "PolicyDocument")}
            at.call("iam", "PutRolePolicy", parameters)
        return at.name()

    def update(self, at: Place, physical: str, before: Properties, wanted: Properties) -> None:
        """Put it anew, and take it out where it no longer belongs."""
        kept = wanted.get("Roles", []) if not changed(before, wanted, "PolicyName") else []
        gone = [role for role in before.get("Roles", []) if role not in kept]
        self.delete(at, physical, {**before, "Roles": gone})
        self.create(at, wanted)

    def delete(self, at: Place, physical: str, had: Properties) -> None:
        """Take it out of its roles."""
        for role in had.get("Roles", []):
            parameters = {"RoleName": role, **only(had, "PolicyName")}
            at.found("iam", "DeleteRolePolicy", parameters, _ABSENT)

    def read(self, at: Place, physical: str, had: Properties) -> dict[str, Any] | None:
        """Return the document as its first role has it."""
        if not had.get("Roles"):
            return dict(had)
        parameters = {"RoleName": had["Roles"][0], **only(had, "PolicyName")}
        found = at.found("iam", "GetRolePolicy", parameters, _ABSENT)
        return None if found is None else {**had, **only(found, "PolicyDocument")}

    def attributes(self, at: Place, physical: str, had: Properties) -> dict[str, Any]:
        """Return its id."""
        return {"Id": physical}


TYPES: Final = (ManagedPolicy(), Policy())
