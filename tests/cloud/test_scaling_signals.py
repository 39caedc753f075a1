"""The signals of a tick against the local AWS: the values, the number of calls, and what fails."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from ops.local.aws import local_aws
from ops.scaling.model import Counts, Lifecycle, Pin
from tests.cloud.scaling_account import Account
from tests.e2e.fleet import PATIENCE_SECONDS, wait_for
from tests.faulty import Fault, Faulty

MANY = 500
COUNTS = "GetQueueAttributes"
GROUPS = "DescribeAutoScalingGroups"
AGES = "GetMetricData"


# Of its own: its last test leaves 500 groups to whoever lists theirs.
@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with local_aws(tmp_path_factory.mktemp("aws"), lambda: None) as url:
        yield url


@pytest.fixture
def account(aws: str, proxy: Faulty) -> Account:
    account = Account(aws, proxy, ["mail", "video"])
    account.create(instances=2, maximum=7)
    return account


def calls(proxy: Faulty) -> Counter[str]:
    """Count the calls since this was last asked, by their names."""
    found = Counter(call.action for call in proxy.calls())
    proxy.forget()
    return found


def test_every_value_is_read_with_its_time_and_source(account: Account) -> None:
    now = time.time()
    sqs = account.client("sqs")
    url = sqs.get_queue_url(QueueName=account.fleet.physical_name("mail"))["QueueUrl"]
    for delay in (0, 0, 0, 900):
        sqs.send_message(QueueUrl=url, MessageBody="x", DelaySeconds=delay)
    sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=1, VisibilityTimeout=600)
    mail, _ = account.instances("mail")
    account.say("mail", mail, now, busy=3, longest_wait=7.0)
    account.registry(counted=False).pin("video", Pin(5, None, "ada"))
    account.age("mail", 42.0, now - 90)
    scaling = account.client("autoscaling")
    scaling.suspend_processes(
        AutoScalingGroupName=f"{account.name}-video", ScalingProcesses=["Terminate"]
    )
    scaling.set_instance_protection(
        AutoScalingGroupName=f"{account.name}-mail", InstanceIds=[mail], ProtectedFromScaleIn=True
    )
    with account.signals() as signals:
        found = signals.gather(now)
    mails, videos = found.queues["mail"], found.queues["video"]
    assert mails.counts.value == Counts(visible=2, in_flight=1, delayed=1)
    assert (mails.counts.taken_at, mails.counts.source) == (now, "sqs:GetQueueAttributes")
    assert videos.counts.value == Counts(0, 0, 0)
    # CloudWatch's time is its own: the minute it speaks of, and not when it was asked.
    assert mails.oldest.value == 42.0
    assert now - 160 < mails.oldest.taken_at < now - 80
    assert mails.oldest.source == "cloudwatch:GetMetricData"
    assert videos.oldest.value is None
    assert videos.oldest.trouble == "absent: no datapoint in the last 5 minutes"
    group = mails.group.value
    assert group is not None
    assert (group.name, group.desired, group.minimum, group.maximum) == (
        f"{account.name}-mail",
        2,
        0,
        7,
    )
    assert {each.id: each.protected for each in group.instances} == {
        id: id == mail for id in account.instances("mail")
    }
    assert {each.lifecycle for each in group.instances} == {Lifecycle.IN_SERVICE}
    assert group.suspended == frozenset()
    assert videos.group.value is not None
    assert videos.group.value.suspended == {"Terminate"}
    assert mails.nodes.value is not None
    assert [(node.id, node.busy) for node in mails.nodes.value] == [(mail, 3)]
    assert (videos.nodes.value, videos.pin) == ((), Pin(5, None, "ada"))
    assert found.registered is not None


def test_a_tick_of_fifty_queues_takes_52_calls_and_one_a_minute_of_cloudwatch(
    aws: str, proxy: Faulty
) -> None:
    account = Account(aws, proxy, [f"q{number}" for number in range(50)])
    account.create()
    now = time.time()
    tick = {COUNTS: 50, GROUPS: 1, "Query": 1}
    with account.signals() as signals:
        found = signals.gather(now)
        # Once, for one of them all.
        assert calls(proxy) == {**tick, "GetQueueUrl": 1, AGES: 1}
        assert all(each.counts.value == Counts(0, 0, 0) for each in found.queues.values())
        for later in (15, 30, 45):
            signals.gather(now + later)
            assert calls(proxy) == tick
        signals.gather(now + 60)
        assert calls(proxy) == {**tick, AGES: 1}


@pytest.mark.parametrize(
    ("code", "trouble"),
    [
        ("AccessDenied", "denied: allow sqs:GetQueueAttributes for these credentials"),
        ("ThrottlingException", "throttled: sqs:GetQueueAttributes"),
        ("InternalFailure", "failed: sqs:GetQueueAttributes: InternalFailure: An injected fault"),
    ],
)
def test_what_one_queue_is_refused_costs_no_other(
    account: Account, proxy: Faulty, code: str, trouble: str
) -> None:
    proxy.fail(Fault("error", action=COUNTS, contains=f"{account.name}-mail", code=code))
    with account.signals() as signals:
        found = signals.gather(time.time()).queues
    assert found["mail"].counts.value is None
    assert found["mail"].counts.trouble.startswith(trouble)
    assert found["mail"].group.value is not None
    assert found["video"].counts.value == Counts(0, 0, 0)


def test_a_queue_that_is_gone_is_absent_also_as_the_first(account: Account) -> None:
    sqs = account.client("sqs")
    url = sqs.get_queue_url(QueueName=account.fleet.physical_name("mail"))["QueueUrl"]
    now = time.time()
    with account.signals() as signals:
        assert signals.gather(now).queues["mail"].counts.value == Counts(0, 0, 0)
        sqs.delete_queue(QueueUrl=url)
        mail = signals.gather(now + 15).queues["mail"].counts
    assert mail.value is None
    name = account.fleet.physical_name("mail")
    assert mail.trouble == (
        f"absent: no queue {name} in SQS: create it with ops queues apply --yes"
    )
    with account.signals() as signals:
        found = signals.gather(now).queues
    assert found["mail"].counts.trouble.startswith("absent: ")
    assert found["video"].counts.value == Counts(0, 0, 0)


def test_two_groups_for_a_queue_are_none_and_a_missing_one_is_absent(account: Account) -> None:
    account.create_group("mail", f"{account.name}-second")
    account.client("autoscaling").delete_auto_scaling_group(
        AutoScalingGroupName=f"{account.name}-video", ForceDelete=True
    )
    with account.signals() as signals:
        found = signals.gather(time.time()).queues
    tags = f"the tags fleet:name={account.name} and fleet:queue="
    assert found["mail"].group.value is None
    assert found["mail"].group.trouble == (
        f"malformed: {account.name}-mail, {account.name}-second all have {tags}mail: keep one"
    )
    assert found["video"].group.value is None
    assert found["video"].group.trouble == (
        f"absent: no group has {tags}video: put them on the queue's Auto Scaling group"
    )


def test_the_groups_of_another_fleet_are_not_ours(aws: str, account: Account) -> None:
    other = Account(aws, account.proxy, ["mail"], name=f"{account.name}x")
    other.create(instances=1)
    with account.signals() as signals:
        group = signals.gather(time.time()).queues["mail"].group.value
    assert group is not None
    assert group.name == f"{account.name}-mail"


def test_at_the_deadline_what_is_silent_is_unknown_and_the_next_tick_is_whole(
    account: Account, proxy: Faulty
) -> None:
    proxy.fail(
        Fault("silent", action=COUNTS, contains=f"{account.name}-mail"),
        Fault("silent", action="Query"),
    )
    now = time.time()
    with account.signals(deadline_seconds=0.5) as signals:
        begun = time.monotonic()
        found = signals.gather(now)
        assert 0.5 <= time.monotonic() - begun < 2
        assert found.registered is None
        assert found.queues["mail"].counts.trouble == "timed out"
        assert found.queues["mail"].nodes.trouble == "timed out"
        assert found.queues["video"].counts.value == Counts(0, 0, 0)
        assert found.queues["video"].group.value is not None
        proxy.clear()
        whole = signals.gather(now + 15).queues
    assert whole["mail"].counts.value == Counts(0, 0, 0)
    assert whole["mail"].nodes.value == ()


def test_a_registry_that_is_refused_costs_nodes_alone(account: Account, proxy: Faulty) -> None:
    proxy.fail(Fault("error", action="Query", code="AccessDeniedException"))
    with account.signals() as signals:
        found = signals.gather(time.time())
    assert found.registered is None
    for each in found.queues.values():
        assert each.nodes.value is None
        assert each.nodes.trouble == "denied: allow dynamodb:Query for these credentials"
        assert each.counts.value is not None
        assert each.group.value is not None


def test_a_pin_that_cannot_be_read_holds_as_it_was_read_last(
    account: Account, proxy: Faulty
) -> None:
    registry, now = account.registry(counted=False), 1_800_000_000.0
    registry.pin("video", Pin(5, now + 900, "ada"))
    as_it_was = Pin(5, now + 900, "ada (read at 08:00:00 UTC, and not since)")
    with account.signals() as signals:
        assert signals.gather(now).queues["video"].pin == Pin(5, now + 900, "ada")
        proxy.fail(Fault("error", action="Query", code="AccessDeniedException"))
        refused = signals.gather(now + 15).queues
        assert (refused["video"].pin, refused["video"].nodes.value) == (as_it_was, None)
        assert refused["mail"].pin is None
        proxy.clear()
        item = {"fleet": {"S": account.name}, "item": {"S": "pin#video"}, "nodes": {"S": "?"}}
        account.client("dynamodb").put_item(TableName=account.table, Item=item)
        malformed = signals.gather(now + 30).queues
        assert (malformed["video"].pin, malformed["video"].nodes.value) == (as_it_was, None)
        assert malformed["mail"].nodes.value == ()
        registry.unpin("video")
        assert signals.gather(now + 45).queues["video"].pin is None
        proxy.fail(Fault("error", action="Query", code="AccessDeniedException"))
        assert signals.gather(now + 60).queues["video"].pin is None


def test_what_is_waited_for_is_told(account: Account, proxy: Faulty) -> None:
    proxy.fail(Fault("silent", action=COUNTS), Fault("silent", action=GROUPS))
    with account.signals(deadline_seconds=PATIENCE_SECONDS) as signals:
        assert signals.waiting_for() == ""
        gathering = threading.Thread(target=signals.gather, args=(time.time(),))
        gathering.start()
        wanted = f"autoscaling:{GROUPS}, sqs:{COUNTS} (2 times)"
        wait_for(lambda: signals.waiting_for() == wanted, "what is waited for")
        proxy.clear()
        gathering.join()
        assert signals.waiting_for() == ""


def test_an_item_that_cannot_be_read_costs_its_queue_its_nodes(account: Account) -> None:
    account.say("video", "i-1")
    account.client("dynamodb").put_item(
        TableName=account.table,
        Item={"fleet": {"S": account.name}, "item": {"S": "node#mail#i-2"}, "busy": {"S": "no"}},
    )
    with account.signals() as signals:
        found = signals.gather(time.time()).queues
    assert found["mail"].nodes.value is None
    assert found["mail"].nodes.trouble.startswith("malformed: node#mail#i-2: ")
    assert found["video"].nodes.value is not None


def test_ages_stay_with_their_own_time_while_cloudwatch_refuses(
    account: Account, proxy: Faulty
) -> None:
    now = time.time()
    account.age("mail", 30.0, now - 61)
    with account.signals() as signals:
        before = signals.gather(now).queues["mail"].oldest
        proxy.fail(Fault("error", action=AGES, code="AccessDenied"))
        between = signals.gather(now + 30).queues["mail"].oldest
        refused = signals.gather(now + 60).queues
    assert (before.value, before.trouble) == (30.0, "")
    assert between == before
    denied = f"denied: allow cloudwatch:{AGES} for these credentials"
    mail = refused["mail"].oldest
    assert (mail.value, mail.taken_at, mail.trouble) == (30.0, before.taken_at, denied)
    assert (refused["video"].oldest.value, refused["video"].oldest.trouble) == (None, denied)


# The last: every listing after it goes through 500 groups.
def test_a_tick_of_500_queues_takes_506_calls_and_keeps_what_answered(
    aws: str, proxy: Faulty
) -> None:
    account = Account(aws, proxy, [f"q{number}" for number in range(MANY)])
    account.create()
    now = time.time()
    with account.signals(deadline_seconds=90) as signals:
        found = signals.gather(now)
        assert calls(proxy) == {COUNTS: 500, GROUPS: 5, "Query": 1, "GetQueueUrl": 1, AGES: 1}
        assert all(
            each.counts.value is not None and each.group.value is not None
            for each in found.queues.values()
        )
        proxy.fail(Fault("error", action=GROUPS, contains="NextToken=", code="AccessDenied"))
        groups = [each.group for each in signals.gather(now + 15).queues.values()]
    known = [each for each in groups if each.value is not None]
    # One page of a hundred came: of the others nobody can say that they are absent.
    assert len(known) == 100
    assert {each.trouble for each in groups if each.value is None} == {
        f"denied: allow autoscaling:{GROUPS} for these credentials"
    }
