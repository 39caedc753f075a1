"""Tables of DynamoDB."""

from __future__ import annotations

from typing import Any, Final

from ops.local.cloudformation.place import Place
from ops.local.cloudformation.resource import Properties, Resource, changed, only
from ops.local.cloudformation.shapes import by_key, pairs

_ABSENT: Final = "ResourceNotFoundException"
_CREATED_WITH: Final = (
    "AttributeDefinitions",
    "BillingMode",
    "DeletionProtectionEnabled",
    "KeySchema",
    "ProvisionedThroughput",
    "TableClass",
)
_SET_LATER: Final = ("BillingMode", "DeletionProtectionEnabled", "ProvisionedThroughput")
_ACTIVE_SECONDS: Final = 60.0


class Table(Resource):
    """AWS::DynamoDB::Table; its physical id is its name."""

    kind = "AWS::DynamoDB::Table"
    handled = frozenset(
        {
            "TableName",
            "SSESpecification",
            "TimeToLiveSpecification",
            "PointInTimeRecoverySpecification",
            "Tags",
            *_CREATED_WITH,
        }
    )

    fixed = frozenset({"KeySchema"})

    def identity(self, at: Place, wanted: Properties) -> str | None:
        """Return its name."""
        return wanted.get("TableName")

    def create(self, at: Place, wanted: Properties) -> str:
        """Create it, wait until it is there, and set what can only be set then."""
        name = str(wanted.get("TableName", at.name(255)))
        parameters = {"TableName": name, **only(wanted, *_CREATED_WITH), **_encryption(wanted)}
        if wanted.get("Tags"):
            parameters["Tags"] = wanted["Tags"]
        at.call("dynamodb", "CreateTable", parameters)

        def active() -> bool:
            found = at.call("dynamodb", "DescribeTable", {"TableName": name})
            return bool(found["Table"]["TableStatus"] == "ACTIVE")

        at.until(f"table {name} ACTIVE", active, _ACTIVE_SECONDS)
        self._set(at, name, {}, wanted)
        return name

    def update(self, at: Place, physical: str, before: Properties, wanted: Properties) -> None:
        """Set what differs."""
        if changed(before, wanted, *_SET_LATER, "SSESpecification"):
            defaults = {"BillingMode": "PROVISIONED", "DeletionProtectionEnabled": False}
            later = {**defaults, **only(wanted, *_SET_LATER)}
            parameters = {
                "TableName": physical,
                "AttributeDefinitions": wanted["AttributeDefinitions"],
                **{name: later[name] for name in later if changed(before, wanted, name)},
                **(_encryption(wanted) if changed(before, wanted, "SSESpecification") else {}),
            }
            at.call("dynamodb", "UpdateTable", parameters)
        self._set(at, physical, before, wanted)
        old, new = by_key(before.get("Tags")), by_key(wanted.get("Tags"))
        arn = at.arn("dynamodb", f"table/{physical}")
        gone = sorted(set(old) - set(new))
        if gone:
            at.call("dynamodb", "UntagResource", {"ResourceArn": arn, "TagKeys": gone})
        if new != old and new:
            at.call("dynamodb", "TagResource", {"ResourceArn": arn, "Tags": pairs(new)})

    def delete(self, at: Place, physical: str, had: Properties) -> None:
        """Delete it; one that is protected refuses."""
        at.found("dynamodb", "DeleteTable", {"TableName": physical}, _ABSENT)

    def read(self, at: Place, physical: str, had: Properties) -> dict[str, Any] | None:
        """Return its description, expiry, backups and tags."""
        named = {"TableName": physical}
        found = at.found("dynamodb", "DescribeTable", named, _ABSENT)
        if found is None:
            return None
        table = found["Table"]
        sse = table.get("SSEDescription", {})
        ttl = at.call("dynamodb", "DescribeTimeToLive", named)["TimeToLiveDescription"]
        backups = at.call("dynamodb", "DescribeContinuousBackups", named)
        recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
        arn = table["TableArn"]
        tags = at.call("dynamodb", "ListTagsOfResource", {"ResourceArn": arn}).get("Tags", [])
        throughput = table.get("ProvisionedThroughput", {})
        return {
            **named,
            **only(table, "AttributeDefinitions", "KeySchema"),
            "BillingMode": table.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED"),
            "DeletionProtectionEnabled": table.get("DeletionProtectionEnabled", False),
            "ProvisionedThroughput": only(throughput, "ReadCapacityUnits", "WriteCapacityUnits"),
            "TableClass": table.get("TableClassSummary", {}).get("TableClass", "STANDARD"),
            "SSESpecification": {
                "SSEEnabled": sse.get("Status") == "ENABLED",
                **({"SSEType": sse["SSEType"]} if "SSEType" in sse else {}),
                **({"KMSMasterKeyId": sse["KMSMasterKeyArn"]} if "KMSMasterKeyArn" in sse else {}),
            },
            "TimeToLiveSpecification": {
                "Enabled": ttl.get("TimeToLiveStatus") == "ENABLED",
                **only(ttl, "AttributeName"),
            },
            "PointInTimeRecoverySpecification": {
                "PointInTimeRecoveryEnabled": recovery["PointInTimeRecoveryStatus"] == "ENABLED",
                **only(recovery, "RecoveryPeriodInDays"),
            },
            "Tags": tags,
        }

    def attributes(self, at: Place, physical: str, had: Properties) -> dict[str, Any]:
        """Return its ARN."""
        return {"Arn": at.arn("dynamodb", f"table/{physical}")}

    def _set(self, at: Place, name: str, before: Properties, wanted: Properties) -> None:
        if changed(before, wanted, "TimeToLiveSpecification"):
            old = before.get("TimeToLiveSpecification", {})
            ttl = wanted.get("TimeToLiveSpecification", {**old, "Enabled": False})
            parameters = {"TableName": name, "TimeToLiveSpecification": {"Enabled": True, **ttl}}
            at.call("dynamodb", "UpdateTimeToLive", parameters)
        if changed(before, wanted, "PointInTimeRecoverySpecification"):
            off = {"PointInTimeRecoveryEnabled": False}
            recovery = wanted.get("PointInTimeRecoverySpecification", off)
            parameters = {"TableName": name, "PointInTimeRecoverySpecification": recovery}
            at.call("dynamodb", "UpdateContinuousBackups", parameters)


def _encryption(wanted: Properties) -> dict[str, Any]:
    given = wanted.get("SSESpecification")
    if given is None:
        return {}
    renamed = {"SSEEnabled": "Enabled"}
    return {"SSESpecification": {renamed.get(name, name): v for name, v in given.items()}}


TYPES: Final = (Table(),)
