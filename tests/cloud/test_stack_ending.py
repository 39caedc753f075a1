"""How stacks end: what ends the wait for one, what queues still hold, what others still import."""

from __future__ import annotations

import itertools
import json
import os
import pty
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ops.errors import OpsError
from ops.stack.changes import Proposal
from ops.stack.follow import delete, execute
from ops.stack.forgetting import NodeItems
from ops.stack.removing import Removal
from ops.stack.status import status_of
from tests.cloud.forked import Forked
from tests.cloud.local_stacks import Stacks, admin, client, of, queue, until
from tests.cloud.stack_begun import ONE, TOPIC, made, rests
from tests.cloud.stack_shop import Shop, finished
from tests.faulty import Fault, Faulty
from worker.fleet import load

NUMBERS = itertools.count(1)


@pytest.fixture
def shop(aws: str, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(aws, tmp_path, f"ends{next(NUMBERS)}")
    shop.furnish()
    shop.write(ONE)
    yield shop
    admin(aws, "faults", "DELETE")


@pytest.fixture
def stacks(aws: str) -> Stacks:
    return Stacks(aws)


def test_a_status_of_before_does_not_end_the_wait_for_a_change(
    stacks: Stacks, proxy: Faulty
) -> None:
    name = f"late{next(NUMBERS)}"
    assert stacks.apply(name, of(Queue=queue()), "CREATE") == "CREATE_COMPLETE"
    shown = stacks.propose(name, of(Queue=queue(VisibilityTimeout=7)))
    proposal = Proposal(name, new=False, change_set=shown["ChangeSetId"])
    proxy.fail(Fault("late", action="ExecuteChangeSet"))
    api = client(proxy.url, "cloudformation")
    with ThreadPoolExecutor(1) as pool:
        ending = pool.submit(execute, api, proposal, threading.Event())
        until(lambda: proxy.count("DescribeStackEvents") >= 2 or ending.done() or None, "looks")
        assert not ending.done()
        assert stacks.shown(name)["StackStatus"] == "CREATE_COMPLETE"
        proxy.clear()
        ended = ending.result(60)
    assert (ended.status, ended.failure) == ("UPDATE_COMPLETE", "")


def test_what_somebody_else_carried_out_meanwhile_is_one_line_with_the_remedy(
    aws: str, stacks: Stacks
) -> None:
    name = f"late{next(NUMBERS)}"
    assert stacks.apply(name, of(Queue=queue()), "CREATE") == "CREATE_COMPLETE"
    shown = stacks.propose(name, of(Queue=queue(VisibilityTimeout=7)))
    assert stacks.apply(name, of(Queue=queue(VisibilityTimeout=8))) == "UPDATE_COMPLETE"
    proposal = Proposal(name, new=False, change_set=shown["ChangeSetId"])
    with pytest.raises(OpsError, match=r"somebody else changed the stack meanwhile: run it again$"):
        execute(client(aws, "cloudformation"), proposal, threading.Event())


def test_a_status_of_before_does_not_end_the_wait_for_a_deletion(
    stacks: Stacks, proxy: Faulty
) -> None:
    name = f"late{next(NUMBERS)}"
    assert stacks.apply(name, of(Queue=queue()), "CREATE") == "CREATE_COMPLETE"
    proxy.fail(Fault("late", action="DeleteStack"))
    api = client(proxy.url, "cloudformation")
    with ThreadPoolExecutor(1) as pool:
        ending = pool.submit(delete, api, name, threading.Event())
        until(lambda: proxy.count("DescribeStackEvents") >= 2 or ending.done() or None, "looks")
        assert not ending.done()
        proxy.clear()
        ended = ending.result(60)
    assert (ended.status, ended.failure) == ("DELETE_COMPLETE", "")


def test_a_deleted_stack_is_none_also_by_its_id(aws: str, stacks: Stacks) -> None:
    name, api = f"late{next(NUMBERS)}", client(aws, "cloudformation")
    assert stacks.apply(name, of(Queue=queue()), "CREATE") == "CREATE_COMPLETE"
    id = api.describe_stacks(StackName=name)["Stacks"][0]["StackId"]
    assert status_of(api, id) == "CREATE_COMPLETE"
    assert delete(api, id, threading.Event()).well
    # CloudFormation still tells of it.
    assert api.describe_stacks(StackName=id)["Stacks"][0]["StackStatus"] == "DELETE_COMPLETE"
    assert (status_of(api, id), status_of(api, name)) == ("", "")


def test_who_waits_no_longer_hears_that_it_goes_on(stacks: Stacks, proxy: Faulty) -> None:
    name = f"late{next(NUMBERS)}"
    assert stacks.apply(name, of(Queue=queue()), "CREATE") == "CREATE_COMPLETE"
    proxy.fail(Fault("late", action="DeleteStack"))
    stop = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        ending = pool.submit(delete, client(proxy.url, "cloudformation"), name, stop)
        until(lambda: proxy.count("DescribeStackEvents") or None, "a look")
        stop.set()
        ended = ending.result(60)
    assert ended.status.endswith("_IN_PROGRESS")


def test_a_deletion_that_was_refused_is_no_end(stacks: Stacks) -> None:
    number = next(NUMBERS)
    export = {"Value": {"Ref": "Queue"}, "Export": {"Name": f"used{number}"}}
    shared = {**of(Queue=queue()), "Outputs": {"Url": export}}
    assert stacks.apply(f"shared{number}", shared, "CREATE") == "CREATE_COMPLETE"
    tag = {"Key": "url", "Value": {"Fn::ImportValue": f"used{number}"}}
    user = of(Queue=queue(Tags=[tag]))
    assert stacks.apply(f"user{number}", user, "CREATE") == "CREATE_COMPLETE"
    ended = delete(stacks.api, f"shared{number}", threading.Event())
    assert ended.status == "CREATE_COMPLETE"
    assert ended.failure == (
        f"Export used{number} cannot be deleted as it is in use by user{number}: another stack "
        "still imports it: change or delete that one first"
    )
    assert not ended.well


@pytest.mark.parametrize(
    ("where", "how", "said"),
    [
        ("mail", "visible", "1 waiting: let the workers finish them, or lose them with --force"),
        ("mail", "hidden", "1 in flight: let the workers finish them, or lose them with --force"),
        ("mail", "delayed", "1 delayed: let the workers finish them, or lose them with --force"),
        (
            "mail-dlq",
            "visible",
            "1 waiting: no worker takes them: move back what is to run (aws sqs "
            "start-message-move-task), or lose them with --force",
        ),
    ],
    ids=["visible", "hidden", "delayed", "dead"],
)
def test_a_message_keeps_its_queue(shop: Shop, where: str, how: str, said: str) -> None:
    shop.ok("queues", "apply", "--yes")
    stack = made(shop, "mail", {"Topic": TOPIC})
    rests(shop, stack, "CREATE_COMPLETE")
    sqs, url = shop.client("sqs"), shop.queue_url(where)
    delay = {"DelaySeconds": 900} if how == "delayed" else {}
    sqs.send_message(QueueUrl=url, MessageBody="{}", **delay)
    if how == "hidden":
        taken = sqs.receive_message(QueueUrl=url, VisibilityTimeout=900)
        assert len(taken["Messages"]) == 1
    ran = shop.run("stack", "destroy", "mail", "--yes")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == f"{shop.name}-{where}: expected no messages, found {said}\n"
    assert shop.stacks() == {stack: "CREATE_COMPLETE"}
    shop.ok("stack", "destroy", "mail", "--yes", "--force")
    assert shop.stacks() == {}


def made_shared(shop: Shop) -> str:
    """Create the shared stack by hand, out of something else; return its name."""
    stack = f"{shop.name}-shared"
    shop.client("cloudformation").create_stack(
        StackName=stack,
        TemplateBody=json.dumps({"Resources": {"Topic": TOPIC}}),
        Tags=[{"Key": "fleet:name", "Value": shop.name}],
    )
    return stack


def heard(process: Forked, text: str) -> str:
    """Read what a command says until it says a text."""
    said = ""
    while text not in said:
        part = os.read(process.stderr.fileno(), 4096).decode()
        assert part, said
        said += part
    return said


def test_what_is_sent_while_a_person_thinks_keeps_its_queue(shop: Shop) -> None:
    shop.ok("queues", "apply", "--yes")
    stack = made(shop, "mail", {"Topic": TOPIC})
    rests(shop, stack, "CREATE_COMPLETE")
    ours, theirs = pty.openpty()
    try:
        process = shop.process("stack", "destroy", "mail", stdin=theirs)
        heard(process, f"type {shop.name} to delete")
        shop.send("mail")
        os.write(ours, f"{shop.name}\n".encode())
        ran = finished(process)
    finally:
        os.close(theirs)
        os.close(ours)
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-2:] == [
        "nothing was deleted",
        f"{shop.name}-mail: expected no messages, found 1 waiting: let the workers finish them, or "
        "lose them with --force",
    ]
    assert shop.stacks() == {stack: "CREATE_COMPLETE"}


@pytest.mark.parametrize("where", ["mail", "delayed"])
def test_what_is_sent_while_the_stack_is_at_work_keeps_its_queue(shop: Shop, where: str) -> None:
    shop.ok("queues", "apply", "--yes")
    shop.fault(service="sns", operation="CreateTopic", delay_seconds=50.0, times=1)
    stack = made(shop, "mail", {"Topic": TOPIC}) if where == "mail" else made_shared(shop)
    rests(shop, stack, "CREATE_IN_PROGRESS")
    process = shop.process("stack", "destroy", "--yes")
    # All is counted by then: what it waits for is the stack.
    heard(process, f"stacks: waiting for {stack}")
    shop.send(where)
    admin(shop.url, "faults", "DELETE")
    ran = finished(process)
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1].startswith(
        f"{stack}: {shop.name}-{where}: expected no messages, found 1 waiting: "
    )
    assert shop.stacks() == {stack: "CREATE_COMPLETE"}


def test_the_delay_queue_is_looked_at_before_the_shared_stack_ends(shop: Shop) -> None:
    shop.ok("queues", "apply", "--yes")
    stack = made_shared(shop)
    rests(shop, stack, "CREATE_COMPLETE")
    shop.send("delayed")
    ran = shop.run("stack", "destroy", "--yes")
    assert ran.returncode == 1
    assert ran.stderr == (
        f"{shop.name}-delayed: expected no messages, found 1 waiting: they are tasks for later "
        "(ops queues delayed): wait until they are due, or lose them with --force\n"
    )
    assert shop.stacks() == {stack: "CREATE_COMPLETE"}


def test_on_aws_the_second_count_comes_a_minute_after_the_first(shop: Shop) -> None:
    fleet, now = load(shop.folder / "fleet.toml"), time.monotonic()
    here = shop.client("cloudformation")
    nodes = NodeItems(shop.client("dynamodb"), fleet.registry_table, fleet.name)

    def pause(url: str, ago: float) -> float:
        sqs = client(url, "sqs")
        return Removal(fleet, here, sqs, {}, "", nodes, (), now - ago).pause_seconds

    aws = "https://sqs.eu-central-1.amazonaws.com"
    assert 0 < pause(aws, 20.0) <= 40
    # A person thought for longer than that.
    assert pause(aws, 61.0) == 0
    assert pause(shop.url, 0.0) == 0
