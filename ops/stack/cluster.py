"""The ECS cluster: the shared stack makes it for queues with services, and others import it.

What another stack imports can be neither changed nor removed (CloudFormation User Guide, "Get
exported outputs from a deployed CloudFormation stack"). So it stays until no stack uses it: when
the last service goes, with the apply after that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ops.aws import aws_errors
from ops.stack import names

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

    from ops.stack.there import There
    from worker.fleet import Fleet


def users(client: CloudFormationClient, fleet: Fleet, there: There) -> tuple[str, ...]:
    """Return the stacks that import the cluster though the manifest has no service any more.

    Raises OpsError.
    """
    export = f"{names.shared_stack(fleet.name)}-Cluster"
    wanted = any(each.runtime == "ecs" for each in fleet.queues.values())
    return () if wanted or export not in there.exports() else _importers(client, export)


def _importers(client: CloudFormationClient, export: str) -> tuple[str, ...]:
    from botocore.exceptions import ClientError  # noqa: PLC0415

    found: list[str] = []
    with aws_errors(f"asking who imports {export}", service="cloudformation"):
        try:
            for page in client.get_paginator("list_imports").paginate(ExportName=export):
                found += page["Imports"]
        except ClientError as error:
            details: Any = error.response.get("Error", {})
            # ValidationError is all that ListImports says of an export that nobody imports.
            if details.get("Code") == "ValidationError" and "not imported" in str(
                details.get("Message")
            ):
                return ()
            raise
    return tuple(sorted(found))
