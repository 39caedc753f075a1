"""The once table's calls: one a question, tried again while DynamoDB errs, with an end to it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from random import Random
from typing import TYPE_CHECKING, Any, Final, TypeVar

from botocore.exceptions import (
    ClientError,
    InvalidRegionError,
    NoRegionError,
    ParamValidationError,
    ProfileNotFound,
)

from worker.aws import PerProcess, let_soft_limit_through, make_client
from worker.once import items, rule
from worker.once.errors import Unavailable, Unusable
from worker.once.keys import shown
from worker.sqs.backoff import wait_seconds
from worker.sqs.client import READ_TIMEOUT_SECONDS
from worker.sqs.errors import CALL_ERRORS, Trouble, describe, error_code, trouble

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from worker.fleet import Fleet

logger = logging.getLogger(__name__)

_HOPELESS: Final = (NoRegionError, InvalidRegionError, ParamValidationError, ProfileNotFound)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a call is tried while DynamoDB errs, in seconds.

    A claim that is not answered is the caller's to ask for again. Nothing but the record keeps an
    effect from happening again, so it is tried longest. A claim that is not given up is taken over
    by its own message in any case.
    """

    claim_seconds: float = 15.0
    record_seconds: float = 60.0
    give_up_seconds: float = 5.0


class Taken(Enum):
    """The answer to a claim that was granted."""

    ANEW = "anew"
    OVER = "over"  # from a claim that was not finished


class Store:
    """The once table of a fleet. Safe to share between threads and to carry through a fork."""

    def __init__(self, fleet: Fleet, rng: Random, patience: Patience) -> None:
        self.fleet = fleet
        self._patience = patience
        self._rng = rng
        # Ours are the retries: they know the owner of a claim and end by the clock.
        self._client: PerProcess[DynamoDBClient] = PerProcess(
            lambda: make_client("dynamodb", fleet, read_seconds=READ_TIMEOUT_SECONDS, attempts=1)
        )

    def claim(self, claim: items.Claim) -> Taken | items.Found | None:
        """Put a claim; return that it is taken, or what is there instead (None: not known).

        Raises Unavailable and Unusable; after both, the claim may be there all the same.
        """
        try:
            answer = self._try(
                lambda client: client.put_item(
                    TableName=self.fleet.once_table,
                    Item=items.claimed(claim),
                    ReturnValues="ALL_OLD",
                    **rule.take(claim).arguments(),
                ),
                self._patience.claim_seconds,
                "PutItem",
            )
        except ClientError as refused:
            return _found(refused)
        old = items.read(_item(answer.get("Attributes")))
        taken_over = old.running and old.owner != claim.holder.owner
        return Taken.OVER if taken_over else Taken.ANEW

    def record(self, claim: items.Claim, item: items.Item, now: float) -> items.Found | None:
        """Put a finished item; return None, or what is there where the claim is lost.

        Raises Unavailable and Unusable, when the record may be there all the same.
        """
        try:
            self._try(
                lambda client: client.put_item(
                    TableName=self.fleet.once_table,
                    Item=item,
                    **rule.still_ours(claim, now).arguments(),
                ),
                self._patience.record_seconds,
                "PutItem",
            )
        except ClientError as refused:
            return _found(refused) or items.read({})
        return None

    def give_up(self, claim: items.Claim) -> None:
        """Delete a claim that is ours still. Says in the log if it could not."""
        try:
            self._try(
                lambda client: client.delete_item(
                    TableName=self.fleet.once_table,
                    Key={items.KEY: {"S": claim.key}},
                    **rule.given_up(claim).arguments(),
                ),
                self._patience.give_up_seconds,
                "DeleteItem",
            )
        except ClientError:
            logger.debug("once %s: the claim was not ours any more", shown(claim.key))
        except (Unavailable, Unusable) as error:
            logger.warning("once %s: the claim could not be given up: %s", shown(claim.key), error)

    def _try(self, call: Callable[[DynamoDBClient], T], within_seconds: float, action: str) -> T:
        """Make a call until it is answered; a refused condition is raised as boto3 raises it."""
        deadline = time.monotonic() + within_seconds
        failures = 0
        while True:
            try:
                return call(self._client())
            except CALL_ERRORS as error:
                if error_code(error) == "ConditionalCheckFailedException":
                    raise
                let_soft_limit_through(error)
                self._judge(error, action)
                failures += 1
                wait = wait_seconds(failures, self._rng)
                if time.monotonic() + wait > deadline:
                    raise Unavailable(
                        f"once: table {self.fleet.once_table}: expected an answer to {action} "
                        f"within {within_seconds:.0f} s, got {describe(error)}"
                    ) from error
                time.sleep(wait)

    def _judge(self, error: BaseException, action: str) -> None:
        """Raise Unusable for what no further try can mend."""
        table = self.fleet.once_table
        kind = trouble(error)
        if error_code(error) == "ResourceNotFoundException":
            raise Unusable(
                f"once: table {table}: expected in DynamoDB, not found there: "
                "create it with `ops stores apply --yes`"
            ) from None
        if kind is Trouble.DENIED:
            raise Unusable(
                f"once: table {table}: expected to be allowed dynamodb:{action}, got "
                f"{describe(error)}: give this role the policy of docs/howto/once.md"
            ) from None
        if kind is Trouble.REFUSED or isinstance(error, _HOPELESS):
            raise Unusable(
                f"once: table {table}: expected an answer to {action}, got {describe(error)}: "
                "check the table with `ops stores apply`, and the region"
            ) from error
        if kind is Trouble.CREDENTIALS:
            # boto3 reads credentials that lie in a file only once.
            self._client.forget()


def _found(refused: ClientError) -> items.Found | None:
    response: Any = refused.response
    item = response.get("Item")
    return items.read(_item(item)) if item else None


def _item(attributes: Any) -> Any:
    return attributes or {}
