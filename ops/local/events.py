"""EventBridge of the local AWS: what rules do with events.

moto matches patterns; it sends to no function, sends every event to a rule that has a schedule
and no pattern, and fires no schedule (`ops.local.timed.rules` does).
"""

from __future__ import annotations

import json
import logging
import uuid
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

from moto.awslambda.models import lambda_backends
from moto.core import DEFAULT_ACCOUNT_ID
from moto.events.models import EventTemplateParser, Rule, events_backends

from ops.local.lambdas.functions import Functions

_log = logging.getLogger(__name__)


def publish(
    source: str,
    detail_type: str,
    detail: dict[str, Any],
    resources: list[str],
    *,
    account: str = DEFAULT_ACCOUNT_ID,
    region: str,
) -> None:
    """Publish an event of a service of this AWS on the default bus of a region."""
    entry = {
        "Source": source,
        "DetailType": detail_type,
        "Detail": json.dumps(detail),
        "Resources": resources,
    }
    events_backends[account][region].put_events([entry])


class Events:
    """Delivery to the targets of rules; without `functions` none of those is a target."""

    def __init__(self, functions: Functions | None) -> None:
        self._functions = functions
        self._in_moto = Rule.send_to_targets
        Rule.send_to_targets = lambda rule, event, *_: self.send(rule, event)

    def fire(self, rule: Any, at: float) -> None:
        """Send the event of a schedule, due at a time in seconds of the epoch."""
        self._to_targets(
            rule,
            {
                "version": "0",
                "id": str(uuid.uuid4()),
                "detail-type": "Scheduled Event",
                "source": "aws.events",
                "account": rule.account_id,
                "time": _time(at),
                "region": rule.region_name,
                "resources": [rule.arn],
                "detail": {},
            },
        )

    def send(self, rule: Any, event: dict[str, Any]) -> None:
        """Send an event to the targets of a rule whose pattern it matches."""
        if rule.state != "ENABLED" or rule.event_pattern.dump() is None:
            return
        # moto has the seconds since the epoch, and gives every event the same id where it lacks.
        shown = {**event, "time": _time(event["time"])}
        shown.pop("ingestion-time", None)
        if rule.event_pattern.matches_event(shown):
            self._to_targets(rule, shown)

    def _to_targets(self, rule: Any, event: dict[str, Any]) -> None:
        for target in list(rule.targets):
            try:
                self._to_target(rule, target, event)
            except Exception:  # one target's failure is not another's
                _log.exception("rule %s: target %s", rule.name, target["Arn"])

    def _to_target(self, rule: Any, target: dict[str, Any], event: dict[str, Any]) -> None:
        arn: str = target["Arn"]
        if arn.split(":")[2] != "lambda":
            everything = Rule(
                rule.name,
                rule.account_id,
                rule.region_name,
                None,
                None,
                None,
                None,
                "default",
                None,
            )
            everything.targets = [target]
            seconds = datetime.fromisoformat(event["time"]).timestamp()
            self._in_moto(everything, {**event, "time": seconds, "ingestion-time": seconds})
            return
        if self._functions is None:
            return
        function = lambda_backends[rule.account_id][rule.region_name].get_function(arn)
        if not _permitted(function, rule.arn):
            _log.error(
                "rule %s: expected a permission of %s for events.amazonaws.com, found none: "
                "not invoked",
                rule.name,
                function.function_name,
            )
            return
        self._functions.invoke_later(function, _input(target, event))


def _input(target: dict[str, Any], event: dict[str, Any]) -> Any:
    if "Input" in target:
        return json.loads(target["Input"])
    if "InputPath" in target:
        found: Any = event
        for part in target["InputPath"].removeprefix("$").strip(".").split("."):
            found = found[part] if part else found
        return found
    if "InputTransformer" in target:
        transformer = target["InputTransformer"]
        return EventTemplateParser.parse(
            transformer["InputTemplate"],
            transformer.get("InputPathsMap", {}),
            {**event, "ingestion-time": event["time"]},
        )
    return event


def _permitted(function: Any, rule_arn: str) -> bool:
    for statement in function.policy.statements:
        principal = statement.get("Principal", {})
        if principal != "*" and principal.get("Service") != "events.amazonaws.com":
            continue
        pattern = statement.get("Condition", {}).get("ArnLike", {}).get("AWS:SourceArn", "*")
        if fnmatchcase(rule_arn, pattern):
            return True
    return False


def _time(at: float | str) -> str:
    if isinstance(at, str):
        try:
            seconds = float(at)
        except ValueError:
            return at
    else:
        seconds = at
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
