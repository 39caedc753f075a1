"""EventBridge of the local AWS: what rules do with events, and rules that a clock fires.

moto matches patterns; it sends to no function, sends every event to a rule that has a schedule
and no pattern, and fires no schedule.
"""

from __future__ import annotations

import json
import logging
import re
import threading
import time
import uuid
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any, Final

from moto.awslambda.models import lambda_backends
from moto.core import DEFAULT_ACCOUNT_ID
from moto.events.models import EventTemplateParser, Rule, events_backends

from ops.local.lambdas.functions import Functions

_log = logging.getLogger(__name__)
_RATE: Final = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_MINUTES: Final = {"minute": 1, "hour": 60, "day": 24 * 60}
_LOOK_SECONDS: Final = 0.1


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
    """Delivery and schedules. `minute_seconds` is how long a minute of a schedule lasts."""

    def __init__(self, functions: Functions | None, minute_seconds: float) -> None:
        self._functions = functions
        self._minute_seconds = minute_seconds
        self._next: dict[str, tuple[str, float]] = {}
        self._in_moto = Rule.send_to_targets
        Rule.send_to_targets = lambda rule, event, *_: self.send(rule, event)
        if functions is not None:
            threading.Thread(target=self._fire_all, name="schedules", daemon=True).start()

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

    def _fire_all(self) -> None:
        while True:
            time.sleep(_LOOK_SECONDS)
            for account in list(events_backends.keys()):
                for region in list(events_backends[account].keys()):
                    buses = list(events_backends[account][region].event_buses.values())
                    for rule in [rule for bus in buses for rule in list(bus.rules.values())]:
                        self._fire(rule)

    def _fire(self, rule: Any) -> None:
        expression = rule.scheduled_expression
        if not expression or rule.state != "ENABLED":
            self._next.pop(rule.arn, None)
            return
        now = time.monotonic()
        known, at = self._next.get(rule.arn, ("", 0.0))
        if known != expression:
            every = self._seconds(rule)
            self._next[rule.arn] = (expression, now + every)
        elif now >= at:
            self._next[rule.arn] = (expression, max(at, now - 1) + self._seconds(rule))
            self._to_targets(
                rule,
                {
                    "version": "0",
                    "id": str(uuid.uuid4()),
                    "detail-type": "Scheduled Event",
                    "source": "aws.events",
                    "account": rule.account_id,
                    "time": _time(time.time()),
                    "region": rule.region_name,
                    "resources": [rule.arn],
                    "detail": {},
                },
            )

    def _seconds(self, rule: Any) -> float:
        rate = _RATE.fullmatch(rule.scheduled_expression)
        if rate is None:
            _log.error(
                "rule %s: %s is not handled by the local AWS: it fires rates alone",
                rule.name,
                rule.scheduled_expression,
            )
            return float("inf")
        return int(rate[1]) * _MINUTES[rate[2]] * self._minute_seconds


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
