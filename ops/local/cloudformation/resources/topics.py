"""Topics of SNS, the policies on them, and who is told."""

from __future__ import annotations

import json
from typing import Any, Final

from ops.local.cloudformation.place import Place
from ops.local.cloudformation.resource import Properties, Resource, changed, only
from ops.local.cloudformation.shapes import by_key, pairs, text

_ABSENT: Final = ("NotFound", "NotFoundException")
_ATTRIBUTES: Final = ("DisplayName", "KmsMasterKeyId")


class Topic(Resource):
    """AWS::SNS::Topic; its physical id is its ARN."""

    kind = "AWS::SNS::Topic"
    handled = frozenset({"Subscription", "Tags", "TopicName", *_ATTRIBUTES})

    def identity(self, at: Place, wanted: Properties) -> str | None:
        """Return its ARN."""
        return at.arn("sns", wanted["TopicName"]) if "TopicName" in wanted else None

    def create(self, at: Place, wanted: Properties) -> str:
        """Create it with its attributes, tags and subscriptions."""
        parameters: dict[str, Any] = {
            "Name": wanted.get("TopicName", at.name(256)),
            "Attributes": only(wanted, *_ATTRIBUTES),
        }
        if wanted.get("Tags"):
            parameters["Tags"] = pairs(wanted["Tags"])
        arn = str(at.call("sns", "CreateTopic", parameters)["TopicArn"])
        self._subscribe(at, arn, wanted.get("Subscription", []))
        return arn

    def update(self, at: Place, physical: str, before: Properties, wanted: Properties) -> None:
        """Set what differs."""
        topic = {"TopicArn": physical}
        for name in _ATTRIBUTES:
            if changed(before, wanted, name):
                value = {"AttributeName": name, "AttributeValue": wanted.get(name, "")}
                at.call("sns", "SetTopicAttributes", {**topic, **value})
        old, new = by_key(before.get("Tags")), by_key(wanted.get("Tags"))
        gone = sorted(set(old) - set(new))
        if gone:
            at.call("sns", "UntagResource", {"ResourceArn": physical, "TagKeys": gone})
        if new and new != old:
            at.call("sns", "TagResource", {"ResourceArn": physical, "Tags": pairs(new)})
        had = before.get("Subscription", [])
        self._subscribe(
            at, physical, [each for each in wanted.get("Subscription", []) if each not in had]
        )
        ended = [each for each in had if each not in wanted.get("Subscription", [])]
        for each in at.call("sns", "ListSubscriptionsByTopic", topic)["Subscriptions"]:
            if only(each, "Protocol", "Endpoint") in ended:
                at.call("sns", "Unsubscribe", only(each, "SubscriptionArn"))

    def delete(self, at: Place, physical: str, had: Properties) -> None:
        """Delete it with its subscriptions."""
        at.found("sns", "DeleteTopic", {"TopicArn": physical}, *_ABSENT)

    def read(self, at: Place, physical: str, had: Properties) -> dict[str, Any] | None:
        """Return it with its tags, and those of its own subscriptions that are there."""
        topic = {"TopicArn": physical}
        found = at.found("sns", "GetTopicAttributes", topic, *_ABSENT)
        if found is None:
            return None
        told = at.call("sns", "ListSubscriptionsByTopic", topic)["Subscriptions"]
        tags = at.call("sns", "ListTagsForResource", {"ResourceArn": physical}).get("Tags", [])
        return {
            "TopicName": physical.rpartition(":")[2],
            **only(found["Attributes"], *_ATTRIBUTES),
            "Subscription": [
                each
                for each in (only(one, "Protocol", "Endpoint") for one in told)
                if each in had.get("Subscription", [])
            ],
            "Tags": tags,
        }

    def attributes(self, at: Place, physical: str, had: Properties) -> dict[str, Any]:
        """Return its ARN and name."""
        return {"TopicArn": physical, "TopicName": physical.rpartition(":")[2]}

    def _subscribe(self, at: Place, arn: str, wanted: list[dict[str, Any]]) -> None:
        for subscription in wanted:
            at.call("sns", "Subscribe", {"TopicArn": arn, **subscription})


class TopicPolicy(Resource):
    """AWS::SNS::TopicPolicy: one document on each of several topics."""

    kind = "AWS::SNS::TopicPolicy"
    handled = frozenset({"PolicyDocument", "Topics"})

    def create(self, at: Place, wanted: Properties) -> str:
        """Set the policy of each topic."""
        self._set(at, wanted["Topics"], text(wanted["PolicyDocument"]))
        return at.name()

    def update(self, at: Place, physical: str, before: Properties, wanted: Properties) -> None:
        """Set it anew, and take it off the topics that are no longer named."""
        gone = [arn for arn in before["Topics"] if arn not in wanted["Topics"]]
        self._set(at, gone, _default(at))
        self._set(at, wanted["Topics"], text(wanted["PolicyDocument"]))

    def delete(self, at: Place, physical: str, had: Properties) -> None:
        """Take it off its topics."""
        self._set(at, had["Topics"], _default(at))

    def read(self, at: Place, physical: str, had: Properties) -> dict[str, Any] | None:
        """Return the document as its first topic has it."""
        topic = {"TopicArn": had["Topics"][0]}
        found = at.found("sns", "GetTopicAttributes", topic, *_ABSENT)
        policy = (found or {}).get("Attributes", {}).get("Policy")
        return {**had, "PolicyDocument": json.loads(policy)} if policy else None

    def attributes(self, at: Place, physical: str, had: Properties) -> dict[str, Any]:
        """Return its id."""
        return {"Id": physical}

    def _set(self, at: Place, arns: list[str], policy: str) -> None:
        for arn in arns:
            value = {"AttributeName": "Policy", "AttributeValue": policy}
            at.found("sns", "SetTopicAttributes", {"TopicArn": arn, **value}, *_ABSENT)


class Subscription(Resource):
    """AWS::SNS::Subscription; its physical id is its ARN."""

    kind = "AWS::SNS::Subscription"
    handled = frozenset({"Endpoint", "FilterPolicy", "Protocol", "RawMessageDelivery", "TopicArn"})

    def create(self, at: Place, wanted: Properties) -> str:
        """Subscribe."""
        parameters = {
            **only(wanted, "Endpoint", "Protocol", "TopicArn"),
            "Attributes": only(wanted, "FilterPolicy", "RawMessageDelivery"),
            "ReturnSubscriptionArn": True,
        }
        return str(at.call("sns", "Subscribe", parameters)["SubscriptionArn"])

    def update(self, at: Place, physical: str, before: Properties, wanted: Properties) -> None:
        """Set the attributes that differ."""
        for name, default in (("FilterPolicy", {}), ("RawMessageDelivery", "false")):
            if changed(before, wanted, name):
                value = text(wanted.get(name, default))
                parameters = {
                    "SubscriptionArn": physical,
                    "AttributeName": name,
                    "AttributeValue": value,
                }
                at.call("sns", "SetSubscriptionAttributes", parameters)

    def delete(self, at: Place, physical: str, had: Properties) -> None:
        """Unsubscribe."""
        at.found("sns", "Unsubscribe", {"SubscriptionArn": physical}, *_ABSENT)

    def read(self, at: Place, physical: str, had: Properties) -> dict[str, Any] | None:
        """Return its attributes."""
        parameters = {"SubscriptionArn": physical}
        found = at.found("sns", "GetSubscriptionAttributes", parameters, *_ABSENT)
        if found is None:
            return None
        values = dict(found["Attributes"])
        if "FilterPolicy" in values:
            values["FilterPolicy"] = json.loads(values["FilterPolicy"])
        return {**had, **only(values, *self.handled)}

    def attributes(self, at: Place, physical: str, had: Properties) -> dict[str, Any]:
        """Return its ARN."""
        return {"Arn": physical}


def _default(at: Place) -> str:
    """Return the policy of a topic that was given none: its account alone."""
    statement = {
        "Sid": "__default_statement_ID",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": ["SNS:Publish", "SNS:Subscribe", "SNS:GetTopicAttributes"],
        "Resource": "*",
        "Condition": {"StringEquals": {"AWS:SourceOwner": at.account}},
    }
    return text({"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]})


TYPES: Final = (Topic(), TopicPolicy(), Subscription())
