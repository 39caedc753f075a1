"""The changes of one group: what may be sent, in which order, and what a failure means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)

from ops.registry.changes import CALL_WITHIN_SECONDS
from ops.scaling.capacity import Refused, Unclear, sorted_out
from ops.scaling.changing import GroupChanges, Moment
from ops.scaling.model import Action, Group, Instance, Launch, Lifecycle, Replace, Terminate
from ops.scaling.outcomes import Work

GROUP = Group(
    name="g",
    desired=5,
    minimum=0,
    maximum=9,
    instances=tuple(Instance(f"i-{n}", Lifecycle.IN_SERVICE) for n in range(5)),
)


class Recorder:
    """A capacity that does as it is told to, and notes what it was asked."""

    def __init__(self, batch: int = 1, *, fails: Exception | None = None) -> None:
        self.batch = batch
        self.asked: list[tuple[Any, ...]] = []
        self._fails = fails

    def launch(self, group: Group, desired: int) -> None:
        self.asked.append(("launch", desired))

    def end(
        self, group: Group, desired: int, nodes: Sequence[str], holds: Callable[[], bool]
    ) -> None:
        if not holds():
            raise Refused("late")
        self.asked.append(("end", desired, *nodes))
        if self._fails is not None:
            raise self._fails

    def replace(self, group: Group, node: str, why: str) -> None:
        self.asked.append(("replace", node))


class Ago(Moment):
    """A moment so long ago."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    def seconds_ago(self) -> float:
        return self._seconds


def changed(
    capacity: Recorder, *actions: Action, claimed: Sequence[str] = (), ago: float = 0.0
) -> GroupChanges:
    claims: dict[str, Moment] = {node: Ago(ago) for node in claimed}
    changes = GroupChanges(Work("q", "ec2", GROUP, actions), capacity, claims, lambda: True)
    changes.run()
    return changes


def ends(*nodes: str) -> list[Action]:
    return [Terminate(node, "t") for node in nodes]


def results(changes: GroupChanges) -> dict[int, str]:
    return {index: outcome.result for index, outcome in changes.outcomes.items()}


def test_each_decrement_is_counted_for_the_next() -> None:
    capacity = Recorder()
    changes = changed(capacity, *ends("i-0", "i-1"), Launch(1, 5), claimed=["i-0", "i-1"])
    assert capacity.asked == [("end", 5, "i-0"), ("end", 4, "i-1"), ("launch", 5)]
    assert results(changes) == {0: "done", 1: "done", 2: "done"}


def test_what_was_not_claimed_is_not_ended() -> None:
    capacity = Recorder()
    changes = changed(capacity, *ends("i-0", "i-1"), claimed=["i-1"])
    assert capacity.asked == [("end", 5, "i-1")]
    assert results(changes) == {1: "done"}


def test_batches_are_as_large_as_the_capacity_takes_and_keep_the_order() -> None:
    capacity = Recorder(batch=2)
    nodes = [f"i-{n}" for n in range(4)]
    changed(capacity, *ends(*nodes[:3]), Replace("i-4", "x"), *ends(nodes[3]), claimed=nodes)
    assert capacity.asked == [
        ("end", 5, "i-0", "i-1"),
        ("end", 3, "i-2"),
        ("replace", "i-4"),
        ("end", 2, "i-3"),
    ]


@pytest.mark.parametrize(("ago", "sent"), [(CALL_WITHIN_SECONDS - 1, 1), (CALL_WITHIN_SECONDS, 0)])
def test_a_claim_that_is_too_old_is_not_acted_on(ago: float, sent: int) -> None:
    capacity = Recorder()
    changes = changed(capacity, *ends("i-0"), claimed=["i-0"], ago=ago)
    assert len(capacity.asked) == sent
    assert changes.to_unclaim == ([] if sent else [(0, "i-0")])


@pytest.mark.parametrize(
    ("error", "result", "unclaimed", "desired"),
    [
        (Refused("no"), "refused", [(0, "i-0")], 5),
        (Unclear("?"), "unknown", [], 4),
        (RuntimeError("a fault of ours"), "unknown", [], 4),
    ],
)
def test_only_a_sure_refusal_gives_the_claim_up(
    error: Exception, result: str, unclaimed: list[tuple[int, str]], desired: int
) -> None:
    capacity = Recorder(fails=error)
    changes = changed(capacity, *ends("i-0"), *ends("i-1"), claimed=["i-0", "i-1"])
    assert changes.outcomes[0].result == result
    assert changes.to_unclaim[:1] == unclaimed
    # What may be gone counts as gone.
    assert capacity.asked[1] == ("end", desired, "i-1")


def refused_with(code: str, status: int) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": "m"}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
        "TerminateInstanceInAutoScalingGroup",
    )


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (refused_with("ValidationError", 400), Refused),
        (refused_with("AccessDenied", 403), Refused),
        (refused_with("Throttling", 400), Refused),
        (refused_with("RequestLimitExceeded", 503), Refused),
        (refused_with("RequestTimeout", 408), Unclear),
        (refused_with("InternalFailure", 500), Unclear),
        (refused_with("ServiceUnavailable", 503), Unclear),
        (EndpointConnectionError(endpoint_url="u"), Refused),
        (ConnectTimeoutError(endpoint_url="u"), Refused),
        (NoCredentialsError(), Refused),
        (ReadTimeoutError(endpoint_url="u"), Unclear),
        (ConnectionResetError("reset"), Unclear),
    ],
)
def test_an_error_says_whether_anything_may_have_changed(
    error: Exception, kind: type[Exception]
) -> None:
    assert type(sorted_out(error, "autoscaling:X")) is kind
