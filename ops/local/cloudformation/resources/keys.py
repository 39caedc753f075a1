"""Keys of KMS."""

from __future__ import annotations

import json
from typing import Any, Final

from ops.local.cloudformation.place import Place
from ops.local.cloudformation.resource import Properties, Resource, changed, only
from ops.local.cloudformation.shapes import by_key, pairs

_ABSENT: Final = "NotFoundException"


class Key(Resource):
    """AWS::KMS::Key; its physical id is its id. A deleted one waits for its end."""

    kind = "AWS::KMS::Key"
    handled = frozenset(
        {"Description", "EnableKeyRotation", "KeyPolicy", "PendingWindowInDays", "Tags"}
    )

    def create(self, at: Place, wanted: Properties) -> str:
        """Create it."""
        parameters = only(wanted, "Description")
        if "KeyPolicy" in wanted:
            parameters["Policy"] = wanted["KeyPolicy"]
        if wanted.get("Tags"):
            parameters["Tags"] = pairs(wanted["Tags"], "TagKey", "TagValue")
        made = str(at.call("kms", "CreateKey", parameters)["KeyMetadata"]["KeyId"])
        self._rotate(at, made, {}, wanted)
        return made

    def update(self, at: Place, physical: str, before: Properties, wanted: Properties) -> None:
        """Set what differs."""
        key = {"KeyId": physical}
        if changed(before, wanted, "Description"):
            description = {"Description": wanted.get("Description", "")}
            at.call("kms", "UpdateKeyDescription", {**key, **description})
        if changed(before, wanted, "KeyPolicy"):
            policy = {"PolicyName": "default", "Policy": wanted["KeyPolicy"]}
            at.call("kms", "PutKeyPolicy", {**key, **policy})
        self._rotate(at, physical, before, wanted)
        old, new = by_key(before.get("Tags")), by_key(wanted.get("Tags"))
        gone = sorted(set(old) - set(new))
        if gone:
            at.call("kms", "UntagResource", {**key, "TagKeys": gone})
        if new and new != old:
            at.call("kms", "TagResource", {**key, "Tags": pairs(new, "TagKey", "TagValue")})

    def delete(self, at: Place, physical: str, had: Properties) -> None:
        """Schedule its end."""
        if self.read(at, physical, had) is not None:
            window = only(had, "PendingWindowInDays")
            at.call("kms", "ScheduleKeyDeletion", {"KeyId": physical, **window})

    def read(self, at: Place, physical: str, had: Properties) -> dict[str, Any] | None:
        """Return it; None for one whose end is scheduled."""
        key = {"KeyId": physical}
        found = at.found("kms", "DescribeKey", key, _ABSENT)
        if found is None or found["KeyMetadata"]["KeyState"] == "PendingDeletion":
            return None
        policy = at.call("kms", "GetKeyPolicy", {**key, "PolicyName": "default"})["Policy"]
        tags = at.call("kms", "ListResourceTags", key).get("Tags", [])
        return {
            **only(had, "PendingWindowInDays"),
            "Description": found["KeyMetadata"].get("Description", ""),
            "EnableKeyRotation": at.call("kms", "GetKeyRotationStatus", key)["KeyRotationEnabled"],
            "KeyPolicy": json.loads(policy),
            "Tags": [{"Key": tag["TagKey"], "Value": tag["TagValue"]} for tag in tags],
        }

    def attributes(self, at: Place, physical: str, had: Properties) -> dict[str, Any]:
        """Return its ARN and id."""
        return {"Arn": at.arn("kms", f"key/{physical}"), "KeyId": physical}

    def _rotate(self, at: Place, physical: str, before: Properties, wanted: Properties) -> None:
        if changed(before, wanted, "EnableKeyRotation"):
            on = str(wanted.get("EnableKeyRotation", "")).lower() == "true"
            at.call("kms", f"{'Enable' if on else 'Disable'}KeyRotation", {"KeyId": physical})


TYPES: Final = (Key(),)
