"""What the registry has of nodes whose queue's stack is gone.

A node deletes its own item as its last word, but not one whose end the scaling engine has claimed:
that is the engine's to forget, once it sees that the node is gone. Of a queue without a group it
sees nothing any more, and the item would stay for good.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ops.aws import aws_errors
from ops.registry.names import FLEET, ITEM, node_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True, slots=True)
class NodeItems:
    """The items of a fleet's nodes in its registry. Every call may raise OpsError."""

    client: DynamoDBClient
    table: str
    fleet: str

    def by_queue(self) -> dict[str, tuple[str, ...]]:
        """Return the items' names by queue; none where there is no registry."""
        found: dict[str, list[str]] = {}
        for name in self._names():
            node = node_of(name)
            if node is not None:
                found.setdefault(node[0], []).append(name)
        return {queue: tuple(items) for queue, items in found.items()}

    def forget(self, items: Sequence[str]) -> None:
        """Delete items, claimed ones as well.

        Only once the group is gone: a claim says that a decrementing call may be on its way, and
        there is nothing left that it could decrement.
        """
        with aws_errors(f"forgetting nodes in {self.table}", service="dynamodb"):
            for item in items:
                self.client.delete_item(
                    TableName=self.table, Key={FLEET: {"S": self.fleet}, ITEM: {"S": item}}
                )

    def _names(self) -> list[str]:
        pages = self.client.get_paginator("query").paginate(
            TableName=self.table,
            KeyConditionExpression="#fleet = :fleet AND begins_with(#item, :node)",
            ExpressionAttributeNames={"#fleet": FLEET, "#item": ITEM},
            ExpressionAttributeValues={":fleet": {"S": self.fleet}, ":node": {"S": "node#"}},
            ProjectionExpression="#item",
            ConsistentRead=True,
        )
        with aws_errors(f"reading {self.table}", service="dynamodb"):
            try:
                found: list[Any] = [item for page in pages for item in page["Items"]]
            except self.client.exceptions.ResourceNotFoundException:
                return []
        return [str(item[ITEM]["S"]) for item in found]
