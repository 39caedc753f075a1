"""Functions of Lambda, who may invoke them, and how often they are tried."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any, Final

from ops.local.cloudformation.place import Place
from ops.local.cloudformation.resource import Properties, Resource, changed, only, without
from ops.local.cloudformation.shapes import by_key

_ABSENT: Final = "ResourceNotFoundException"
_CONFIGURED: Final = (
    "Description",
    "Environment",
    "EphemeralStorage",
    "Handler",
    "LoggingConfig",
    "MemorySize",
    "Role",
    "Runtime",
    "Timeout",
    "TracingConfig",
)


class Function(Resource):
    """AWS::Lambda::Function; its physical id is its name."""

    kind = "AWS::Lambda::Function"
    handled = frozenset(
        {
            "Architectures",
            "Code",
            "FunctionName",
            "PackageType",
            "ReservedConcurrentExecutions",
            "Tags",
            *_CONFIGURED,
        }
    )

    def identity(self, at: Place, wanted: Properties) -> str | None:
        """Return its name."""
        return wanted.get("FunctionName")

    def create(self, at: Place, wanted: Properties) -> str:
        """Create it from its code, which must be there."""
        name = str(wanted.get("FunctionName", at.name()))
        parameters = {
            **without(wanted, "Code", "ReservedConcurrentExecutions", "Tags"),
            "FunctionName": name,
            "Code": self._code(at, wanted["Code"]),
        }
        if wanted.get("Tags"):
            parameters["Tags"] = by_key(wanted["Tags"])
        at.call("lambda", "CreateFunction", parameters)
        self._concurrency(at, name, {}, wanted)
        return name

    def update(self, at: Place, physical: str, before: Properties, wanted: Properties) -> None:
        """Set what differs of its code, configuration, concurrency and tags."""
        function = {"FunctionName": physical}
        if changed(before, wanted, "Code", "Architectures"):
            code = {**self._code(at, wanted["Code"]), **only(wanted, "Architectures")}
            at.call("lambda", "UpdateFunctionCode", {**function, **code})
        if changed(before, wanted, *_CONFIGURED):
            parameters = {**function, **only(wanted, *_CONFIGURED)}
            at.call("lambda", "UpdateFunctionConfiguration", parameters)
        self._concurrency(at, physical, before, wanted)
        old, new = by_key(before.get("Tags")), by_key(wanted.get("Tags"))
        resource = {"Resource": at.arn("lambda", f"function:{physical}")}
        gone = sorted(set(old) - set(new))
        if gone:
            at.call("lambda", "UntagResource", {**resource, "TagKeys": gone})
        if new and new != old:
            at.call("lambda", "TagResource", {**resource, "Tags": new})

    def delete(self, at: Place, physical: str, had: Properties) -> None:
        """Delete it."""
        at.found("lambda", "DeleteFunction", {"FunctionName": physical}, _ABSENT)

    def read(self, at: Place, physical: str, had: Properties) -> dict[str, Any] | None:
        """Return its configuration, concurrency and tags; its code is taken as it was set."""
        found = at.found("lambda", "GetFunction", {"FunctionName": physical}, _ABSENT)
        if found is None:
            return None
        concurrency = found.get("Concurrency", {})
        tags = found.get("Tags", {})
        return {
            **had,
            **only(found["Configuration"], "FunctionName", "Architectures", *_CONFIGURED),
            **only(concurrency, "ReservedConcurrentExecutions"),
            "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
        }

    def attributes(self, at: Place, physical: str, had: Properties) -> dict[str, Any]:
        """Return its ARN."""
        return {"Arn": at.arn("lambda", f"function:{physical}")}

    def _code(self, at: Place, code: Properties) -> dict[str, Any]:
        if "ZipFile" in code:
            return {"ZipFile": _zipped(code["ZipFile"])}
        # moto would make a function of nothing where Lambda refuses.
        at.call("s3", "HeadObject", {"Bucket": code["S3Bucket"], "Key": code["S3Key"]})
        return dict(code)

    def _concurrency(self, at: Place, name: str, before: Properties, wanted: Properties) -> None:
        if not changed(before, wanted, "ReservedConcurrentExecutions"):
            return
        reserved = only(wanted, "ReservedConcurrentExecutions")
        if reserved:
            at.call("lambda", "PutFunctionConcurrency", {"FunctionName": name, **reserved})
        else:
            at.call("lambda", "DeleteFunctionConcurrency", {"FunctionName": name})


class Permission(Resource):
    """AWS::Lambda::Permission: a statement of a function's policy. It never changes in place."""

    kind = "AWS::Lambda::Permission"
    handled = frozenset({"Action", "FunctionName", "Principal", "SourceAccount", "SourceArn"})

    def create(self, at: Place, wanted: Properties) -> str:
        """Add the statement."""
        statement = at.name(100)
        at.call("lambda", "AddPermission", {**wanted, "StatementId": statement})
        return statement

    def delete(self, at: Place, physical: str, had: Properties) -> None:
        """Remove it; without its function it is gone already."""
        parameters = {"FunctionName": had["FunctionName"], "StatementId": physical}
        at.found("lambda", "RemovePermission", parameters, _ABSENT)

    def read(self, at: Place, physical: str, had: Properties) -> dict[str, Any] | None:
        """Return what was set, if the statement is there."""
        parameters = only(had, "FunctionName")
        found = at.found("lambda", "GetPolicy", parameters, _ABSENT)
        statements = json.loads(found["Policy"])["Statement"] if found is not None else []
        return dict(had) if any(each["Sid"] == physical for each in statements) else None

    def attributes(self, at: Place, physical: str, had: Properties) -> dict[str, Any]:
        """Return its id."""
        return {"Id": physical}


class EventInvokeConfig(Resource):
    """AWS::Lambda::EventInvokeConfig; its physical id is its function's name and qualifier."""

    kind = "AWS::Lambda::EventInvokeConfig"
    handled = frozenset(
        {
            "DestinationConfig",
            "FunctionName",
            "MaximumEventAgeInSeconds",
            "MaximumRetryAttempts",
            "Qualifier",
        }
    )

    def create(self, at: Place, wanted: Properties) -> str:
        """Put it."""
        self.update(at, "", {}, wanted)
        return f"{wanted['FunctionName']}|{wanted.get('Qualifier', '$LATEST')}"

    def update(self, at: Place, physical: str, before: Properties, wanted: Properties) -> None:
        """Put it anew; moto would keep the first."""
        function = only(wanted, "FunctionName")
        at.found("lambda", "DeleteFunctionEventInvokeConfig", function, _ABSENT)
        at.call("lambda", "PutFunctionEventInvokeConfig", without(wanted, "Qualifier"))

    def delete(self, at: Place, physical: str, had: Properties) -> None:
        """Delete it."""
        function = only(had, "FunctionName")
        at.found("lambda", "DeleteFunctionEventInvokeConfig", function, _ABSENT)

    def read(self, at: Place, physical: str, had: Properties) -> dict[str, Any] | None:
        """Return it."""
        function = only(had, "FunctionName")
        found = at.found("lambda", "GetFunctionEventInvokeConfig", function, _ABSENT)
        if found is None:
            return None
        kept = ("DestinationConfig", "MaximumEventAgeInSeconds", "MaximumRetryAttempts")
        return {**had, **{name: found.get(name) for name in kept if name in had}}


def _zipped(source: str) -> bytes:
    """Return source given in a template as what Lambda unpacks: index.py."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("index.py", source)
    return packed.getvalue()


TYPES: Final = (Function(), Permission(), EventInvokeConfig())
