"""Actions on ECS services, against the local AWS: the scheduler stops the victim and no other."""

from __future__ import annotations

import time

import pytest

from ops.scaling.model import Launch, Lifecycle, Replace, Terminate
from tests.cloud.scaling_account import Account
from tests.cloud.scaling_engine import TOKEN, Engine
from tests.faulty import Fault, Faulty

PROTECT = "UpdateTaskProtection"
UPDATE = "UpdateService"


def engine_of(aws: str, proxy: Faulty, tasks: int) -> Engine:
    account = Account(aws, proxy, ["a"], ecs=True)
    account.create(instances=tasks)
    for task in account.instances("a"):
        account.say("a", task, busy=1)
    return Engine.of(account)


@pytest.fixture
def engine(aws: str, proxy: Faulty) -> Engine:
    """An engine of a service with three tasks."""
    return engine_of(aws, proxy, 3)


def confirmed_last(engine: Engine, count: int = 1) -> list[str]:
    """Have the newest tasks confirm: the scheduler of the local AWS would stop the oldest."""
    tasks = engine.account.instances("a")
    engine.spoken |= set(tasks[:-count])
    return [engine.confirmed("a") for _ in range(count)]


def test_the_confirmed_task_is_stopped_and_the_others_are_protected(engine: Engine) -> None:
    first, second, victim = engine.account.instances("a")
    confirmed_last(engine)
    engine.account.proxy.forget()
    assert engine.act({"a": [Terminate(victim, TOKEN)]}) == {"a": [("done", "")]}
    assert engine.account.instances("a") == [first, second]
    assert engine.account.service("a")["desiredCount"] == 2
    assert engine.account.proxy.count(UPDATE) == 1


def test_many_are_ended_together_and_protection_goes_ten_a_call(aws: str, proxy: Faulty) -> None:
    engine = engine_of(aws, proxy, 14)
    keepers = engine.account.instances("a")[:12]
    victims = confirmed_last(engine, 2)
    proxy.forget()
    outcomes = engine.act({"a": [Terminate(victim, TOKEN) for victim in victims]})
    assert outcomes == {"a": [("done", ""), ("done", "")]}
    assert engine.account.instances("a") == keepers
    # Twelve protected in two calls, two unprotected in one; one lower count.
    assert (proxy.count(PROTECT), proxy.count(UPDATE)) == (3, 1)


@pytest.mark.parametrize("action", ["ListTasks", PROTECT])
def test_what_cannot_be_protected_ends_nothing(engine: Engine, action: str) -> None:
    (victim,) = confirmed_last(engine)
    engine.account.proxy.fail(Fault("error", action=action, code="AccessDeniedException"))
    (outcome,) = engine.act({"a": [Terminate(victim, TOKEN)]})["a"]
    assert outcome[0] == "refused"
    assert outcome[1].startswith("denied: ")
    assert engine.account.proxy.count(UPDATE) == 0
    assert len(engine.account.instances("a")) == 3
    assert engine.node("a", victim).claimed_at is None


def test_a_service_that_changed_meanwhile_is_left_alone(engine: Engine) -> None:
    (victim,) = confirmed_last(engine)
    before = engine.group("a")
    engine.account.client("ecs").update_service(
        cluster=engine.account.name, service=before.name, desiredCount=5
    )
    (outcome,) = engine.act_on({"a": (before, [Terminate(victim, TOKEN)])})["a"]
    assert outcome[0] == "refused"
    assert outcome[1].startswith(f"{before.name} changed meanwhile: expected 3 desired")
    assert len(engine.account.instances("a")) == 5
    assert engine.node("a", victim).claimed_at is None


def test_a_lost_answer_keeps_the_claim(engine: Engine) -> None:
    (victim,) = confirmed_last(engine)
    engine.account.proxy.fail(Fault("lost", action=UPDATE))
    (outcome,) = engine.act({"a": [Terminate(victim, TOKEN)]})["a"]
    assert outcome[0] == "unknown"
    assert engine.account.proxy.count(UPDATE) == 1
    assert engine.node("a", victim).claimed_at is not None
    assert victim not in engine.account.instances("a")


def test_a_task_that_is_gone_is_told_so(engine: Engine) -> None:
    (victim,) = confirmed_last(engine)
    before = engine.group("a")
    engine.account.client("ecs").stop_task(cluster=engine.account.name, task=victim)
    (outcome,) = engine.act_on({"a": (before, [Terminate(victim, TOKEN)])})["a"]
    assert outcome == ("refused", f"absent: {victim} runs no more")
    assert engine.account.service("a")["desiredCount"] == 3


def test_a_silent_task_is_stopped_and_another_takes_its_place(engine: Engine) -> None:
    silent, *others = engine.account.instances("a")
    assert engine.act({"a": [Replace(silent, "silent for 5 minutes")]}) == {"a": [("done", "")]}
    assert engine.account.instances("a")[:2] == others
    assert len(engine.account.instances("a")) == 3
    assert engine.account.service("a")["desiredCount"] == 3


def test_a_launch_raises_the_desired_count_and_the_new_tasks_are_pending(engine: Engine) -> None:
    assert engine.act({"a": [Launch(2, 5)]}) == {"a": [("done", "")]}
    group = engine.group("a")
    assert group.desired == 5
    starting = [each for each in group.instances if each.lifecycle is Lifecycle.PENDING]
    # Two run by now, and have not spoken.
    assert len(starting) == 2
    assert engine.act({"a": [Launch(1, 4)]})["a"][0][0] == "refused"


def test_services_are_read_ten_a_call_and_known_by_their_tags(aws: str, proxy: Faulty) -> None:
    account = Account(aws, proxy, [f"q{number}" for number in range(23)], ecs=True)
    account.create(instances=2)
    ecs = account.client("ecs")
    arn = account.service("q1")["serviceArn"]
    ecs.untag_resource(resourceArn=arn, tagKeys=["fleet:queue"])
    ecs.delete_service(cluster=account.name, service=f"{account.name}-q2", force=True)
    task, _ = account.instances("q0")
    account.say("q0", task)
    with account.signals() as signals:
        found = signals.gather(time.time()).queues
        assert proxy.count("DescribeServices") == 3
        assert proxy.count("DescribeAutoScalingGroups") == 0
        proxy.fail(
            Fault("error", action="DescribeServices", contains=f"{account.name}-q0", calls=2)
        )
        partly = signals.gather(time.time()).queues
    group = found["q0"].group.value
    assert group is not None
    assert (group.name, group.desired, group.minimum, group.maximum) == (
        f"{account.name}-q0",
        2,
        0,
        300,
    )
    assert [(each.id, each.lifecycle) for each in group.instances] == [
        (task, Lifecycle.IN_SERVICE),
        (f"{account.name}-q0/pending/1", Lifecycle.PENDING),
    ]
    tags = f"the tags fleet:name={account.name} and fleet:queue=q1"
    assert found["q1"].group.trouble == (
        f"absent: {account.name}-q1 has not {tags}: put them on the service"
    )
    assert found["q2"].group.value is None
    assert found["q2"].group.trouble.startswith("absent: ")
    assert partly["q9"].group.value is None
    assert partly["q9"].group.trouble.startswith("failed: ecs:DescribeServices")
    assert partly["q10"].group.value is not None


def test_a_missing_cluster_is_absent(aws: str, proxy: Faulty) -> None:
    account = Account(aws, proxy, ["a"], ecs=True)
    account.create_table()
    account.client("sqs").create_queue(QueueName=f"{account.name}-a")
    with account.signals() as signals:
        group = signals.gather(time.time()).queues["a"].group
    assert group.value is None
    assert group.trouble.startswith("absent: ")
