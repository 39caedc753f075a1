"""Documents and parameters of Systems Manager."""

from __future__ import annotations

import json
from typing import Any, Final

from ops.local.cloudformation.place import Place
from ops.local.cloudformation.resource import Properties, Resource, changed, only, without
from ops.local.cloudformation.shapes import by_key, pairs


class Document(Resource):
    """AWS::SSM::Document; its physical id is its name. An update is a new default version of it."""

    kind = "AWS::SSM::Document"
    handled = frozenset(
        {
            "Content",
            "DocumentFormat",
            "DocumentType",
            "Name",
            "Tags",
            "TargetType",
            "UpdateMethod",
        }
    )

    def identity(self, at: Place, wanted: Properties) -> str | None:
        """Return its name."""
        return wanted.get("Name")

    def create(self, at: Place, wanted: Properties) -> str:
        """Create it."""
        name = str(wanted.get("Name", at.name(128)))
        parameters = {**without(wanted, "UpdateMethod"), "Name": name}
        at.call("ssm", "CreateDocument", parameters)
        return name

    def update(self, at: Place, physical: str, before: Properties, wanted: Properties) -> None:
        """Add a version and make it the default, or retag it."""
        if changed(before, wanted, "Content"):
            parameters = {
                "Name": physical,
                "DocumentVersion": "$LATEST",
                **only(wanted, "Content", "DocumentFormat", "TargetType"),
            }
            made = at.call("ssm", "UpdateDocument", parameters)["DocumentDescription"]
            version = {"Name": physical, "DocumentVersion": made["DocumentVersion"]}
            at.call("ssm", "UpdateDocumentDefaultVersion", version)
        _retag(at, "Document", physical, before, wanted)

    def replaced(self, before: Properties, wanted: Properties) -> frozenset[str]:
        """Return its content, unless its update is a new version ("UpdateMethod")."""
        if wanted.get("UpdateMethod") == "NewVersion":
            return frozenset()
        return frozenset({"Content", "DocumentFormat", "TargetType"})

    def delete(self, at: Place, physical: str, had: Properties) -> None:
        """Delete it."""
        at.found("ssm", "DeleteDocument", {"Name": physical}, "InvalidDocument")

    def read(self, at: Place, physical: str, had: Properties) -> dict[str, Any] | None:
        """Return its default version."""
        found = at.found("ssm", "GetDocument", {"Name": physical}, "InvalidDocument")
        if found is None:
            return None
        content = json.loads(found["Content"]) if isinstance(had.get("Content"), dict) else ""
        return {
            **had,
            "Name": physical,
            "Content": content or found["Content"],
            **only(found, "DocumentType", "DocumentFormat"),
            "Tags": _tags(at, "Document", physical),
        }


class Parameter(Resource):
    """AWS::SSM::Parameter; its physical id is its name."""

    kind = "AWS::SSM::Parameter"
    handled = frozenset(
        {"AllowedPattern", "DataType", "Description", "Name", "Tags", "Tier", "Type", "Value"}
    )

    def identity(self, at: Place, wanted: Properties) -> str | None:
        """Return its name."""
        return wanted.get("Name")

    def create(self, at: Place, wanted: Properties) -> str:
        """Put it."""
        name = str(wanted.get("Name", at.name(128)))
        parameters = {**without(wanted, "Tags"), "Name": name}
        if wanted.get("Tags"):
            parameters["Tags"] = pairs(wanted["Tags"])
        at.call("ssm", "PutParameter", parameters)
        return name

    def update(self, at: Place, physical: str, before: Properties, wanted: Properties) -> None:
        """Put it over what is there."""
        parameters = {**without(wanted, "Tags"), "Name": physical, "Overwrite": True}
        at.call("ssm", "PutParameter", parameters)
        _retag(at, "Parameter", physical, before, wanted)

    def delete(self, at: Place, physical: str, had: Properties) -> None:
        """Delete it."""
        at.found("ssm", "DeleteParameter", {"Name": physical}, "ParameterNotFound")

    def read(self, at: Place, physical: str, had: Properties) -> dict[str, Any] | None:
        """Return its value, type and tags."""
        found = at.found("ssm", "GetParameter", {"Name": physical}, "ParameterNotFound")
        if found is None:
            return None
        tags = by_key(_tags(at, "Parameter", physical))
        return {**had, **only(found["Parameter"], "Name", "Type", "Value"), "Tags": tags}

    def attributes(self, at: Place, physical: str, had: Properties) -> dict[str, Any]:
        """Return its type and value."""
        slash = "" if physical.startswith("/") else "/"
        arn = at.arn("ssm", f"parameter{slash}{physical}")
        return {**only(had, "Type", "Value"), "Arn": arn}


def _tags(at: Place, kind: str, name: str) -> list[dict[str, str]]:
    named = {"ResourceType": kind, "ResourceId": name}
    found: list[dict[str, str]] = at.call("ssm", "ListTagsForResource", named).get("TagList", [])
    return found


def _retag(at: Place, kind: str, name: str, before: Properties, wanted: Properties) -> None:
    named = {"ResourceType": kind, "ResourceId": name}
    old, new = by_key(before.get("Tags")), by_key(wanted.get("Tags"))
    gone = sorted(set(old) - set(new))
    if gone:
        at.call("ssm", "RemoveTagsFromResource", {**named, "TagKeys": gone})
    if new and new != old:
        at.call("ssm", "AddTagsToResource", {**named, "Tags": pairs(new)})


TYPES: Final = (Document(), Parameter())
