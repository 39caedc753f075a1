"""Faults to inject: what they do, to which calls, how often."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from tests.sqs.call import Call
from tests.sqs.errors import SqsError

Kind = Literal[
    "error",  # an AWS error by code; nothing is carried out
    "status",  # a bare HTTP status, with or without a body; nothing is carried out
    "silent",  # the request is read and never answered; nothing is carried out
    "malformed",  # carried out; the answer is JSON cut off in the middle
    "reset",  # carried out; the connection is reset in the middle of the answer
    "answer_lost",  # carried out; the connection is closed before the answer
    "drip",  # carried out; the answer comes byte by byte over `seconds`
    "entries",  # some entries of a batch fail; the others are carried out
]


@dataclass(frozen=True)
class Fault:
    """One fault. The first that matches a call is applied to it.

    ``actions``, ``queues`` and ``access_key_ids`` narrow it down (empty: all). It ends after
    ``calls`` calls (None: until cleared) and hits each matching call with ``probability``, drawn
    from a generator seeded with ``seed``. Raises ValueError for a combination without meaning.
    """

    kind: Kind
    actions: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    access_key_ids: tuple[str, ...] = ()
    calls: int | None = None
    probability: float = 1.0
    seed: int = 0
    # kind "status": 500, 503, 408 and so on, with a body in AWS's shape or none at all.
    # kind "error": None is the status AWS uses for that code.
    status: int | None = None
    with_body: bool = True
    # kinds "error" and "entries"
    code: str = "InternalFailure"
    message: str = "An injected fault."
    # kind "entries": how many of a batch fail, counted from its start (None: all); each of these
    # is drawn on its own where a probability is given.
    sender_fault: bool = False
    entries: int | None = None
    # kind "drip"
    seconds: float = 1.0
    # kind "silent": long polls that are open when the fault is added lose their answer too
    # (whatever `calls` and `probability` say), and are not counted as calls it struck.
    open_polls: bool = True

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"fault kind: expected one of {get_args(Kind)}, got {self.kind!r}")
        if not 0.0 < self.probability <= 1.0:
            raise ValueError(f"fault probability: expected 0 < p <= 1, got {self.probability}")
        if self.calls is not None and self.calls < 1:
            raise ValueError(f"fault calls: expected at least 1 or None, got {self.calls}")
        if self.kind == "status" and self.status is None:
            raise ValueError("fault kind 'status': expected a status")

    def covers(self, action: str, queue: str, access_key_id: str) -> bool:
        """Whether it is meant for such calls."""
        return (
            (not self.actions or action in self.actions)
            and (not self.queues or queue in self.queues)
            and (not self.access_key_ids or access_key_id in self.access_key_ids)
        )

    def as_json(self) -> dict[str, Any]:
        """The fault as a JSON object, which :meth:`from_json` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, given: dict[str, Any]) -> Fault:
        """Raises ValueError for an unknown key or a value without meaning."""
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(given) - known):
            raise ValueError(f"fault: unknown key {', '.join(unknown)}; known are {sorted(known)}")
        if "kind" not in given:
            raise ValueError(f"fault: expected a kind, one of {get_args(Kind)}")
        lists = ("actions", "queues", "access_key_ids")
        values: dict[str, Any] = {k: tuple(v) if k in lists else v for k, v in given.items()}
        return cls(**values)


class FaultRule:
    """A fault in force: how many calls it has left, its dice, how often it struck."""

    def __init__(self, identifier: int, fault: Fault) -> None:
        self.identifier = identifier
        self.fault = fault
        self.struck = 0
        self._rng = random.Random(fault.seed)

    @property
    def is_spent(self) -> bool:
        """True once it has struck as many calls as it was to."""
        return self.fault.calls is not None and self.struck >= self.fault.calls

    def strikes(self, call: Call) -> bool:
        """Whether it is applied to this call; if so, that is counted."""
        fault = self.fault
        hit = not self.is_spent and fault.covers(call.action, call.queue_name, call.access_key_id)
        if fault.kind == "entries":
            hit = hit and call.action.endswith("Batch")
        elif hit and fault.probability < 1.0:
            hit = self._rng.random() < fault.probability
        self.struck += hit
        return hit

    def failure(self, index: int) -> tuple[SqsError, bool] | None:
        """Kind ``entries``: the error and SenderFault of the batch's entry ``index``, or None."""
        fault = self.fault
        if fault.entries is not None and index >= fault.entries:
            return None
        if fault.probability < 1.0 and self._rng.random() >= fault.probability:
            return None
        return SqsError(fault.code, fault.message), fault.sender_fault


class Faults:
    """The faults in force, the delay of calls, and the access keys that have expired."""

    def __init__(self) -> None:
        self._rules: list[FaultRule] = []
        self._added = 0
        self.delay_seconds = 0.0
        self.delay_seconds_by_action: dict[str, float] = {}
        self.expired_access_key_ids: set[str] = set()

    def __iter__(self) -> Iterator[FaultRule]:
        return iter(self._rules)

    def add(self, fault: Fault) -> FaultRule:
        """Put a fault into force."""
        self._added += 1
        rule = FaultRule(self._added, fault)
        self._rules.append(rule)
        return rule

    def clear(self, identifier: int | None = None) -> None:
        """End one fault, or all. What a fault did to a connection stays done."""
        self._rules = [
            rule for rule in self._rules if identifier is not None and rule.identifier != identifier
        ]

    def delay_of(self, action: str) -> float:
        """Seconds a call of this action waits before it is looked at."""
        return self.delay_seconds_by_action.get(action, self.delay_seconds)

    def match(self, call: Call) -> FaultRule | None:
        """The fault to apply to this call, if any."""
        for rule in self._rules:
            if rule.strikes(call):
                return rule
        return None
