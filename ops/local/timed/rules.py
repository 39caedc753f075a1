"""Rules of EventBridge that a clock fires: rates and crons, the latter in UTC."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from moto.events.exceptions import ValidationException
from moto.events.models import EventsBackend, events_backends

from ops.local.events import Events
from ops.local.timed.expressions import When, expression


class Rules:
    """The rules of all regions, by their ARNs. `minute_seconds` is a rate's minute."""

    def __init__(self, events: Events, minute_seconds: float) -> None:
        self._events = events
        self._minute_seconds = minute_seconds
        self._known: dict[str, Any] = {}
        EventsBackend.put_rule = self._checking(EventsBackend.put_rule)

    def whens(self) -> Mapping[str, When]:
        """Return when each enabled rule with a schedule fires."""
        self._known = {
            rule.arn: rule
            for rule in _rules()
            if rule.scheduled_expression and rule.state == "ENABLED"
        }
        return {arn: self._when(rule.scheduled_expression) for arn, rule in self._known.items()}

    def fire(self, name: str, at: float) -> None:
        """Send the rule's event to its targets."""
        self._events.fire(self._known[name], at)

    def over(self, name: str) -> None:
        """Leave a rule whose years are past as it is: EventBridge does too."""

    def _when(self, text: str) -> When:
        if text.startswith("at("):
            raise ValueError(f"expected a rate or a cron of a rule, found {text}")
        return expression(text, "UTC", self._minute_seconds)

    def _checking(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def put_rule(backend: Any, *args: Any, **kwargs: Any) -> Any:
            text = kwargs.get("scheduled_expression")
            if text:
                try:
                    self._when(text)
                except ValueError as error:
                    raise ValidationException(
                        f"Parameter ScheduleExpression is not valid: {error}."
                    ) from error
            return original(backend, *args, **kwargs)

        return put_rule


def _rules() -> Iterator[Any]:
    for account in list(events_backends.keys()):
        for region in list(events_backends[account].keys()):
            for bus in list(events_backends[account][region].event_buses.values()):
                yield from list(bus.rules.values())
