"""What must change on SQS for the queues to be what the manifest wants. Pure: no AWS in here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from ops.queues.policies import same_policy, show
from ops.queues.wanted import NAME_TAG, Wanted

_WHY = {
    "VisibilityTimeout": "lease",
    "ReceiveMessageWaitTimeSeconds": "poll",
    "MessageRetentionPeriod": "retention",
    "MaximumMessageSize": "the largest SQS allows",
    "SqsManagedSseEnabled": "encrypted at rest",
    "RedrivePolicy": "max_receives",
    "RedriveAllowPolicy": "dead letters of its own queue only",
}
_WHY_OF_DELAYS = {
    "VisibilityTimeout": "how long a forwarder has",
    "ReceiveMessageWaitTimeSeconds": "one poll when idle",
    "MessageRetentionPeriod": "tasks that are due late wait here",
}


@dataclass(frozen=True, slots=True)
class Found:
    """A queue as it is on SQS: every attribute and tag as SQS writes it."""

    url: str
    attributes: Mapping[str, str]
    tags: Mapping[str, str]

    @property
    def arn(self) -> str:
        """The queue's ARN."""
        return self.attributes["QueueArn"]


class Kind(Enum):
    """What a step does, in the words a person reads."""

    CREATE = "created"
    CORRECT = "corrected"
    TAG = "tagged"


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the plan; `before` is None where there was nothing.

    `what` is `queue`, the name of an SQS attribute, or `tag` and the tag's key. Values are as
    people read them: durations with units, policies in words.
    """

    queue: str
    what: str
    before: str | None
    after: str
    why: str


@dataclass(frozen=True, slots=True)
class Step:
    """One request to SQS: plain attributes or tags, and the tie to the partner if it is to be set.

    The tie is resolved when the step is applied: it needs an ARN that may not exist before.
    """

    kind: Kind
    queue: str
    changes: tuple[Change, ...]
    attributes: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    tie: Wanted | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps in the order to take them, and why some queue may not be touched at all."""

    steps: tuple[Step, ...]
    refusals: tuple[str, ...]

    @property
    def changes(self) -> tuple[Change, ...]:
        """Every line of the plan in the order of its steps."""
        return tuple(change for step in self.steps for change in step.changes)


def plan(wanted: Sequence[Wanted], found: Mapping[str, Found | None]) -> Plan:
    """Compare what is wanted with what was found; None is a queue that does not exist.

    Dead-letter queues come first because sources refer to them. A new one is tied to its source
    only when that exists. A queue with another fleet's tag is refused and nothing is planned
    beside it. What the manifest does not name is left alone.
    """
    refusals = tuple(_refusals(wanted, found))
    if refusals:
        return Plan((), refusals)
    steps = [step for want in wanted for step in _steps(want, found)]
    steps += [
        Step(Kind.CORRECT, want.name, _tie_change(want, None), tie=want)
        for want in wanted
        if want.is_dead_letter and found[want.name] is None
    ]
    return Plan(tuple(steps), ())


def _refusals(wanted: Sequence[Wanted], found: Mapping[str, Found | None]) -> Iterator[str]:
    for want in wanted:
        state = found[want.name]
        owner = None if state is None else state.tags.get(NAME_TAG)
        ours = want.tags[NAME_TAG]
        if owner is not None and owner != ours:
            yield (
                f"{want.name}: expected tag {NAME_TAG} = {ours}, got {owner}: it is another "
                "fleet's queue: rename the fleet or the queue in the manifest"
            )


def _steps(want: Wanted, found: Mapping[str, Found | None]) -> Iterator[Step]:
    state = found[want.name]
    if state is None:
        yield _creation(want)
        return
    attributes = _differing_attributes(want, state)
    changes = [
        _change(want, name, state.attributes.get(name), value) for name, value in attributes.items()
    ]
    tie = None
    policy = want.tie(state.arn)
    if policy is not None:
        before = state.attributes.get(policy[0])
        if not same_policy(before, policy[1]):
            tie = want
            changes.extend(_tie_change(want, before))
    if changes:
        yield Step(Kind.CORRECT, want.name, tuple(changes), attributes, tie=tie)
    tags = {key: value for key, value in want.tags.items() if state.tags.get(key) != value}
    if tags:
        tagged = tuple(
            Change(want.name, f"tag {key}", state.tags.get(key), value, "whose queue it is")
            for key, value in tags.items()
        )
        yield Step(Kind.TAG, want.name, tagged, tags=tags)


def _creation(want: Wanted) -> Step:
    parts = [f"{name} {show(name, value)}" for name, value in want.attributes.items()]
    # A new dead-letter queue is tied to its source in a step of its own, at the end.
    tie = want if want.max_receives is not None else None
    if tie is not None:
        parts += [f"RedrivePolicy {change.after}" for change in _tie_change(want, None)]
    change = Change(want.name, "queue", None, ", ".join(parts), "the manifest names it")
    return Step(Kind.CREATE, want.name, (change,), want.attributes, want.tags, tie)


def _differing_attributes(want: Wanted, state: Found) -> dict[str, str]:
    # A queue under a customer's own KMS key is encrypted already, and better than we would.
    skipped = {"SqsManagedSseEnabled"} if state.attributes.get("KmsMasterKeyId") else set()
    return {
        name: value
        for name, value in want.attributes.items()
        if state.attributes.get(name) != value and name not in skipped
    }


def _change(want: Wanted, name: str, before: str | None, after: str) -> Change:
    shown = None if before is None else show(name, before)
    outlive = want.is_dead_letter and name == "MessageRetentionPeriod"
    why = "dead letters outlive their queue's messages" if outlive else _WHY[name]
    if want.partner is None:
        why = _WHY_OF_DELAYS.get(name, why)
    return Change(want.name, name, shown, show(name, after), why)


def _tie_change(want: Wanted, before: str | None) -> tuple[Change, ...]:
    # Shown by name: where neither of the two exists yet there is no ARN to show.
    tie = want.tie("")
    return () if tie is None else (_change(want, tie[0], before, tie[1]),)
