"""Actions on Auto Scaling groups, against the local AWS: what changes, and what never does."""

from __future__ import annotations

import time
from typing import Any

import pytest

from ops.scaling.model import (
    Action,
    Forget,
    Launch,
    Pause,
    Replace,
    Resume,
    Terminate,
    Wanted,
)
from tests.cloud.scaling_account import Account
from tests.cloud.scaling_engine import TOKEN, Engine
from tests.faulty import Fault, Faulty

END = "TerminateInstanceInAutoScalingGroup"
SET = "SetDesiredCapacity"


@pytest.fixture
def engine(aws: str, proxy: Faulty) -> Engine:
    """An engine of a fleet whose queues a and b have three instances each."""
    account = Account(aws, proxy, ["a", "b"])
    account.create(instances=3, minimum=1, maximum=5)
    return Engine.of(account)


def test_a_confirmed_node_is_ended_with_one_decrement(engine: Engine) -> None:
    node = engine.confirmed("a")
    assert engine.act({"a": [Terminate(node, TOKEN)]}) == {"a": [("done", "")]}
    assert engine.desired("a") == 2
    assert node not in engine.account.instances("a")
    assert engine.node("a", node).claimed_at is not None
    # Decided once more, on what was read before: it is claimed, and not ended again.
    again = engine.act({"a": [Terminate(node, TOKEN)]})
    assert again == {"a": [("refused", f"it is not in {engine.account.name}-a")]}
    assert engine.desired("a") == 2


def test_a_node_that_is_claimed_is_never_claimed_again(engine: Engine) -> None:
    node = engine.confirmed("a")
    before = engine.group("a")
    engine.act({"a": [Terminate(node, TOKEN)]})
    # An engine that still goes by what it read before the node ended.
    found = engine.act_on({"a": (before, [Terminate(node, TOKEN)])})
    assert found["a"][0][0] == "refused"
    assert engine.desired("a") == 2
    assert engine.account.proxy.count(END) == 1


@pytest.mark.parametrize("how", ["busy", "stale", "another token"])
def test_a_node_without_a_fresh_confirmation_is_left_alone(engine: Engine, how: str) -> None:
    busy, ago = (1, 0.0) if how == "busy" else (0, 90.0 if how == "stale" else 0.0)
    node = engine.confirmed("a", ago=ago, busy=busy)
    token = "pause-2" if how == "another token" else TOKEN
    assert engine.act({"a": [Terminate(node, token)]}) == {
        "a": [("refused", "its confirmation of this token is not there, or not fresh")]
    }
    assert engine.account.proxy.count(END) == 0
    assert engine.node("a", node).claimed_at is None


@pytest.mark.parametrize("code", ["Throttling", "ScalingActivityInProgress", "AccessDenied"])
def test_a_refusal_gives_the_claim_up_and_is_not_repeated(engine: Engine, code: str) -> None:
    node = engine.confirmed("a")
    engine.account.proxy.fail(Fault("error", action=END, code=code))
    (outcome,) = engine.act({"a": [Terminate(node, TOKEN)]})["a"]
    assert outcome[0] == "refused"
    assert "claim stays" not in outcome[1]
    assert engine.account.proxy.count(END) == 1
    assert (engine.desired("a"), engine.node("a", node).claimed_at) == (3, None)
    assert engine.node("a", node).wanted is Wanted.PAUSE
    engine.account.proxy.clear()
    assert engine.act({"a": [Terminate(node, TOKEN)]}) == {"a": [("done", "")]}
    assert engine.desired("a") == 2


@pytest.mark.parametrize("kind", ["lost", "cut"])
def test_an_answer_that_does_not_come_keeps_the_claim_and_is_not_repeated(
    engine: Engine, kind: Any
) -> None:
    node = engine.confirmed("a")
    engine.account.proxy.fail(Fault(kind, action=END))
    (outcome,) = engine.act({"a": [Terminate(node, TOKEN)]})["a"]
    assert outcome[0] == "unknown"
    assert outcome[1].endswith("its claim stays, and nothing repeats it")
    # It was carried out, once.
    assert (engine.account.proxy.count(END), engine.desired("a")) == (1, 2)
    assert engine.node("a", node).claimed_at is not None


def test_a_fault_of_aws_keeps_the_claim(engine: Engine) -> None:
    node = engine.confirmed("a")
    engine.account.proxy.fail(Fault("error", action=END, code="InternalFailure", status=500))
    (outcome,) = engine.act({"a": [Terminate(node, TOKEN)]})["a"]
    assert outcome[0] == "unknown"
    assert (engine.account.proxy.count(END), engine.desired("a")) == (1, 3)
    assert engine.node("a", node).claimed_at is not None
    engine.account.proxy.clear()
    # What is left of it is replaced, which takes nothing off the desired capacity.
    assert engine.act({"a": [Replace(node, "claimed and still there")]}) == {"a": [("done", "")]}
    assert engine.desired("a") == 3
    assert node not in engine.account.instances("a")


def test_protected_suspended_and_foreign_instances_are_never_ended(engine: Engine) -> None:
    scaling = engine.account.client("autoscaling")
    group = f"{engine.account.name}-a"
    node, other = engine.confirmed("a"), engine.confirmed("b")
    scaling.set_instance_protection(
        AutoScalingGroupName=group, InstanceIds=[node], ProtectedFromScaleIn=True
    )
    scaling.suspend_processes(
        AutoScalingGroupName=f"{engine.account.name}-b", ScalingProcesses=["Terminate"]
    )
    both: list[Action] = [Terminate(node, TOKEN), Replace(node, "silent")]
    suspended = ("refused", f"{engine.account.name}-b has its Terminate process suspended")
    assert engine.act({"a": both, "b": [Terminate(other, TOKEN), Replace(other, "silent")]}) == {
        "a": [("refused", "it is protected from scale-in")] * 2,
        "b": [suspended] * 2,
    }
    foreign = engine.act({"a": [Replace(other, "silent")]})
    assert foreign == {"a": [("refused", f"it is not in {group}")]}
    assert engine.account.proxy.count(END) == 0


def test_a_group_is_never_taken_below_its_minimum(engine: Engine) -> None:
    nodes = [engine.confirmed("a") for _ in range(3)]
    outcomes = engine.act({"a": [Terminate(node, TOKEN) for node in nodes]})["a"]
    minimum = f"{engine.account.name}-a would fall below its minimum of 1"
    assert outcomes == [("done", ""), ("done", ""), ("refused", minimum)]
    assert engine.desired("a") == 1
    assert engine.node("a", nodes[2]).claimed_at is None


def test_a_minimum_that_rose_meanwhile_is_autoscalings_to_refuse(engine: Engine) -> None:
    node = engine.confirmed("a")
    before = engine.group("a")
    engine.account.client("autoscaling").update_auto_scaling_group(
        AutoScalingGroupName=before.name,
        MinSize=3,
        LaunchConfigurationName=engine.account.name,
        AvailabilityZones=["eu-west-1a"],
    )
    found = engine.act_on({"a": (before, [Terminate(node, TOKEN)])})
    assert found["a"][0][0] == "refused"
    assert "ValidationError" in found["a"][0][1]
    assert (engine.desired("a"), engine.node("a", node).claimed_at) == (3, None)


def test_a_launch_raises_the_desired_capacity_and_nothing_else_changes_it(engine: Engine) -> None:
    assert engine.act({"a": [Launch(2, 5)], "b": [Launch(1, 6)]}) == {
        "a": [("done", "")],
        "b": [("refused", f"6 is above the maximum of {engine.account.name}-b, 5")],
    }
    assert (engine.desired("a"), engine.desired("b")) == (5, 3)
    # As a desired capacity of 3 it would end two busy nodes.
    assert engine.act({"a": [Launch(1, 3)]})["a"][0][0] == "refused"
    (call,) = engine.account.proxy.calls(SET)
    assert b"HonorCooldown=false" in call.body
    engine.account.client("autoscaling").suspend_processes(
        AutoScalingGroupName=f"{engine.account.name}-b", ScalingProcesses=["Launch"]
    )
    suspended = ("refused", f"{engine.account.name}-b has its Launch process suspended")
    assert engine.act({"b": [Launch(1, 4)]}) == {"b": [suspended]}


def test_what_is_wanted_of_nodes_is_written_and_items_are_forgotten(engine: Engine) -> None:
    engine.account.say("a", "i-1")
    engine.account.say("a", "i-2")
    actions: list[Action] = [Pause("i-1", "t1"), Forget("i-2"), Pause("i-3", "t1")]
    assert engine.act({"a": actions}) == {
        "a": [("done", ""), ("done", ""), ("refused", "its item has changed meanwhile")]
    }
    paused = engine.node("a", "i-1")
    assert (paused.wanted, paused.token) == (Wanted.PAUSE, "t1")
    assert engine.act({"a": [Resume("i-1", "t2")]}) == {"a": [("done", "")]}
    resumed = engine.node("a", "i-1")
    assert (resumed.wanted, resumed.token) == (Wanted.RUN, "t2")
    nodes = engine.account.registry(counted=False).read(time.time()).nodes["a"]
    assert [node.id for node in nodes] == ["i-1"]


def test_a_failure_of_one_queue_stops_no_other(engine: Engine) -> None:
    name = engine.account.name
    engine.account.proxy.fail(
        Fault("error", action=SET, contains=f"{name}-a", code="Throttling"),
    )
    assert engine.act({"a": [Launch(1, 4)], "b": [Launch(1, 4)]}) == {
        "a": [("refused", f"throttled: autoscaling:{SET}")],
        "b": [("done", "")],
    }
    assert (engine.desired("a"), engine.desired("b")) == (3, 4)


def test_a_group_that_is_unknown_is_not_changed_but_its_nodes_are_told(engine: Engine) -> None:
    engine.account.say("a", "i-1")
    found = engine.act_on({"a": (None, [Launch(1, 4), Pause("i-1", "t"), Terminate("i-1", "t")])})
    unknown = ("refused", "its group is unknown")
    assert found["a"] == [unknown, ("done", ""), unknown]


def test_an_engine_whose_lease_another_took_changes_nothing(engine: Engine) -> None:
    node = engine.confirmed("a")
    registry = engine.account.registry(counted=False)
    registry.release(engine.lease)
    assert registry.take("engine-2", time.time(), 60) is not None
    # It believes that it holds the lease: the registry knows better.
    found = engine.act({"a": [Terminate(node, TOKEN), Launch(1, 4)], "b": [Launch(1, 4)]})
    lapsed = ("refused", "the lease has lapsed")
    assert found == {"a": [lapsed, lapsed], "b": [lapsed]}
    assert (engine.desired("a"), engine.desired("b")) == (3, 3)
    assert engine.account.proxy.count(END) == engine.account.proxy.count(SET) == 0


def test_a_lease_that_lapses_after_the_claim_ends_nothing_and_undoes_nothing(
    engine: Engine,
) -> None:
    node = engine.confirmed("a")
    answers = iter([True, False, False, False])
    (outcome,) = engine.act({"a": [Terminate(node, TOKEN)]}, lambda: next(answers))["a"]
    assert outcome == (
        "refused",
        "the lease has lapsed; its claim stays: the lease has lapsed",
    )
    assert engine.account.proxy.count(END) == 0
    assert engine.node("a", node).claimed_at is not None


def test_a_claim_whose_answer_is_lost_ends_nothing(engine: Engine) -> None:
    node = engine.confirmed("a")
    engine.account.proxy.fail(Fault("lost", action="TransactWriteItems"))
    (outcome,) = engine.act({"a": [Terminate(node, TOKEN)]})["a"]
    assert outcome[0] == "unknown"
    assert engine.account.proxy.count(END) == 0
    assert engine.desired("a") == 3


def test_an_engine_that_is_paused_after_its_claim_takes_nothing_off_when_it_goes_on(
    aws: str, proxy: Faulty
) -> None:
    account = Account(aws, proxy, ["a"])
    account.create(instances=3, minimum=1, maximum=5)
    first = Engine.of(account, "engine-1", seconds=2)
    node = first.confirmed("a")
    looks = 0

    def holds() -> bool:
        nonlocal looks
        looks += 1
        if looks == 2:
            # It has claimed, and stands still here until another has acted in its place.
            second = Engine.of(account, "engine-2")
            assert second.act({"a": [Terminate(node, TOKEN)]})["a"][0][0] == "refused"
            assert second.act({"a": [Replace(node, "claimed, still there")]})["a"][0][0] == "done"
        return not first.lease.lapsed(time.time())

    (outcome,) = first.act({"a": [Terminate(node, TOKEN)]}, holds)["a"]
    assert outcome[0] == "refused"
    assert looks > 1
    assert first.desired("a") == 3
    assert len(account.instances("a")) == 3
    (call,) = proxy.calls(END)
    assert b"ShouldDecrementDesiredCapacity=false" in call.body
