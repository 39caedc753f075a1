"""What the agent notices of its metadata service, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ops.node.metadata import Metadata
from ops.node.notices import notice
from tests.e2e.surroundings import Machine

TARGET, SPOT = "autoscaling/target-lifecycle-state", "spot/instance-action"


@pytest.fixture
def machine() -> Iterator[Machine]:
    with Machine() as machine:
        yield machine


def test_what_fails_is_as_it_was_and_the_other_is_known_all_the_same(machine: Machine) -> None:
    metadata = Metadata(machine.env())
    machine.launched()
    first = notice(metadata, None)
    assert (first.target, first.spot, first.trouble) == ("InService", False, "")
    machine.fails = {SPOT}
    machine.terminated()
    second = notice(metadata, first)
    assert (second.target, second.spot) == ("Terminated", False)
    assert second.trouble == f"{SPOT}: expected 200 or 404, got 500"
    machine.fails = {TARGET}
    machine.launched()
    machine.reclaimed(90)
    third = notice(metadata, second)
    assert (third.target, third.spot) == ("Terminated", True)
    assert third.spot_at is not None
    assert third.trouble == f"{TARGET}: expected 200 or 404, got 500"
    machine.fails = {TARGET, SPOT}
    del machine.metadata[SPOT]
    fourth = notice(metadata, third)
    assert (fourth.target, fourth.spot, fourth.spot_at) == ("Terminated", True, third.spot_at)
    assert fourth.trouble.count("got 500") == 2
