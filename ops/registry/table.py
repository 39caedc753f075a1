"""The registry's table: how its calls fail, which are tried again, and its conditional update."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ops.aws import aws_errors
from ops.errors import OpsError
from ops.registry.changes import key, names_in
from ops.registry.values import Unreadable
from worker.sqs.backoff import wait_seconds

if TYPE_CHECKING:
    from random import Random

    from mypy_boto3_dynamodb import DynamoDBClient

    from ops.registry.values import Value

#: How often a write is tried that meets others on its item, each of which takes milliseconds: with
#: the waits between, for two or three seconds of a tick's fifteen.
ATTEMPTS: Final = 5


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a conditional update.

    `item` is as it is now, or what refused the condition; None where there is none.
    """

    written: bool
    item: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Table:
    """One fleet's part of a registry table."""

    client: DynamoDBClient
    name: str
    fleet: str
    rng: Random

    @contextmanager
    def errors(self, doing: str) -> Iterator[None]:
        """Turn what a call raises into OpsError; `doing` is such as `reading`."""
        from botocore.exceptions import ClientError  # noqa: PLC0415

        with aws_errors(f"{doing} {self.name}", service="dynamodb"):
            try:
                yield
            except ClientError as error:
                if code_of(error) == "ResourceNotFoundException":
                    raise OpsError(
                        f"{self.name}: expected in DynamoDB, not found there: create it with "
                        "ops stores apply --yes"
                    ) from error
                raise
            except Unreadable as error:
                raise OpsError(f"{self.name}: {error}") from error
            except (KeyError, ValueError) as error:
                # botocore takes an answer cut short for one that says nothing.
                raise OpsError(
                    f"AWS: {doing} {self.name}: expected an answer of DynamoDB's, got a part of "
                    "one or none: run it again"
                ) from error

    def update(
        self, item: str, update: str, condition: str | None, values: Mapping[str, Value]
    ) -> Answer:
        """Update an item, under a condition or always; every attribute is written `#name`.

        Tried again where a transaction is on the item, which no SDK does (Developer Guide,
        "Transaction conflict handling"). Raises as boto3 does, and OpsError.
        """
        from botocore.exceptions import ClientError  # noqa: PLC0415

        conditional: Any = {}
        if condition is not None:
            conditional["ConditionExpression"] = condition
            conditional["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        for failures in itertools.count(1):
            try:
                answer: Any = self.client.update_item(
                    TableName=self.name,
                    Key=key(self.fleet, item),
                    UpdateExpression=update,
                    ExpressionAttributeNames=names_in(update, condition or ""),
                    ExpressionAttributeValues=values,
                    ReturnValues="ALL_NEW",
                    **conditional,
                )
                return Answer(True, answer["Attributes"])
            except ClientError as error:
                code = code_of(error)
                if code == "ConditionalCheckFailedException":
                    return Answer(False, refusing(error))
                if code != "TransactionConflictException":
                    raise
                self.wait(failures)
        raise AssertionError  # the last wait raises

    def wait(self, failures: int) -> None:
        """Wait before the next attempt. Raises OpsError after the last one."""
        if failures >= ATTEMPTS:
            raise OpsError(
                f"{self.name}: expected to write within {ATTEMPTS} attempts, met another write to "
                "the same item each time: look for an engine or an agent in a loop"
            )
        time.sleep(wait_seconds(failures, self.rng))


def code_of(error: BaseException) -> str:
    """Return AWS's code of an error, empty for one that is not AWS's."""
    response: Any = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code", ""))


def refusing(error: BaseException) -> Mapping[str, Any] | None:
    """Return the item that refused a condition, or None where there is none."""
    response: Any = getattr(error, "response", None) or {}
    return response.get("Item") or None
