"""Who may do an effect: the conditions under which the once table is written. Pure.

DynamoDB decides, in the one write that takes a claim, ends it or gives it up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from worker.once.items import EXPIRES, KEY, RUNNING, Claim, Item, number


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition of a write, as boto3 takes it."""

    text: str
    names: Mapping[str, str]
    values: Item

    def arguments(self) -> dict[str, Any]:
        """Return it as arguments of a write, which answers a refusal with the item it found."""
        return {
            "ConditionExpression": self.text,
            "ExpressionAttributeNames": dict(self.names),
            "ExpressionAttributeValues": dict(self.values),
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }


def take(claim: Claim) -> Condition:
    """Return the condition under which a claim's item is put.

    What is absent or has expired may be claimed. Of unfinished claims: one's own (the answer was
    lost), one of the same message from an earlier receive (its holder is dead or has lost its
    lease), and one whose holder cannot be running any more.
    """
    return Condition(
        "attribute_not_exists(#key) OR #expires <= :now OR (#state = :running AND ("
        "#owner = :owner OR (#message = :message AND #receives < :receives) OR #until <= :now))",
        _named(KEY, EXPIRES, "state", "owner", "message", "receives", "until"),
        {
            ":now": number(claim.claimed_at),
            ":running": {"S": RUNNING},
            ":owner": {"S": claim.holder.owner},
            ":message": {"S": claim.holder.message_id},
            ":receives": {"N": str(claim.holder.receives)},
        },
    )


def still_ours(claim: Claim, now: float) -> Condition:
    """Return the condition under which a finished item is put: ours still, or nobody's.

    Nobody's: who took it over gave it up again. The effect has happened, which is worth recording.
    """
    return Condition(
        "attribute_not_exists(#key) OR #expires <= :now OR #owner = :owner",
        _named(KEY, EXPIRES, "owner"),
        {":now": number(now), ":owner": {"S": claim.holder.owner}},
    )


def given_up(claim: Claim) -> Condition:
    """Return the condition under which a claim is deleted: ours still, and not finished."""
    return Condition(
        "#owner = :owner AND #state = :running",
        _named("owner", "state"),
        {":owner": {"S": claim.holder.owner}, ":running": {"S": RUNNING}},
    )


def _named(*names: str) -> dict[str, str]:
    # Most of these are reserved words in expressions.
    return {f"#{name}": name for name in names}
