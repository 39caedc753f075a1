"""The registry while DynamoDB refuses, slows down, hangs up, or has another write on the item."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ops.errors import OpsError
from ops.registry.lease import Lease
from ops.registry.node import NodeItem
from ops.registry.registry import Registry
from ops.registry.table import ATTEMPTS
from ops.registry.word import Heard, Word
from ops.scaling.model import Pin, Wanted
from tests.cloud.registry_table import Bench
from tests.faulty import Fault, Faulty

IDLE = Word(busy=0, slots=4, paused=True)
PAUSE = Wanted.PAUSE


@pytest.fixture
def node(bench: Bench, engine: Registry, lease: Lease) -> NodeItem:
    """A node that confirmed t1."""
    node = NodeItem(bench.client, bench.table, bench.fleet, "video", "i-1")
    node.report(IDLE, time.time())
    engine.want("video", "i-1", PAUSE, "t1", lease)
    node.confirm("t1", IDLE, time.time())
    return node


def claim(engine: Registry, lease: Lease) -> bool:
    return engine.claim("video", "i-1", "t1", time.time(), lease, fresh_seconds=30)


def cancelled(*codes: str, calls: int | None = None, **how: Any) -> Fault:
    """A transaction that DynamoDB cancels, for a reason for each of its parts."""
    reasons = [{"Code": code, "Message": f"because of {code}"} for code in codes]
    return Fault(
        "error",
        action="TransactWriteItems",
        code="TransactionCanceledException",
        calls=calls,
        details={"CancellationReasons": reasons},
        **how,
    )


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (
            Fault("error", code="AccessDeniedException"),
            r"^AWS: reading fleet\d+-registry: access denied: .*: "
            r"allow dynamodb:Query for these credentials$",
        ),
        (
            Fault("error", code="ThrottlingException"),
            r"^AWS: reading fleet\d+-registry: AWS asks to slow down: wait a moment",
        ),
        (
            Fault("error", code="ResourceNotFoundException"),
            r"^fleet\d+-registry: expected in DynamoDB, not found there: create it with ops stores",
        ),
        (Fault("cut"), r"^AWS: reading fleet\d+-registry: "),
        (Fault("lost"), r"^AWS: reading fleet\d+-registry: Connection was closed"),
    ],
)
def test_a_registry_that_cannot_be_read_is_never_an_empty_one(
    proxy: Faulty, engine: Registry, fault: Fault, why: str
) -> None:
    proxy.fail(fault)
    with pytest.raises(OpsError, match=why):
        engine.read(time.time())


def test_a_second_page_that_fails_leaves_nothing_of_the_first(
    proxy: Faulty, bench: Bench, engine: Registry
) -> None:
    for i in range(4):
        bench.put(f"queue#{i}", memory={"S": "x" * 390_000})
    assert len(engine.read(1.0).trouble) == 4  # more than a memory may be
    proxy.fail(Fault("error", action="Query", skip=1, code="AccessDeniedException"))
    with pytest.raises(OpsError, match="access denied"):
        engine.read(1.0)


@pytest.mark.usefixtures("node")
@pytest.mark.parametrize("code", ["AccessDeniedException", "ValidationException"])
def test_every_refusal_is_a_line(proxy: Faulty, engine: Registry, lease: Lease, code: str) -> None:
    proxy.fail(Fault("error", code=code))
    calls: list[Callable[[], Any]] = [
        lambda: engine.take("a", time.time(), 60),
        lambda: engine.release(lease),
        lambda: engine.want("video", "i-1", PAUSE, "t2", lease),
        lambda: claim(engine, lease),
        lambda: engine.pin("video", Pin(1, None)),
        lambda: engine.unpin("video"),
    ]
    for call in calls:
        with pytest.raises(OpsError, match=r"^AWS: [a-z ]+ fleet\d+-registry: "):
            call()


def test_a_claim_whose_answer_was_lost_is_known_as_ours(
    proxy: Faulty, engine: Registry, lease: Lease, node: NodeItem
) -> None:
    proxy.fail(Fault("lost", action="TransactWriteItems", calls=1))
    assert claim(engine, lease)
    assert proxy.count("TransactWriteItems") == 3  # the pause, and the claim twice
    assert node.report(IDLE, time.time()).claimed


def test_a_claim_is_known_as_ours_by_its_id_where_the_token_has_lapsed(
    proxy: Faulty, engine: Registry, lease: Lease, node: NodeItem
) -> None:
    # DynamoDB has carried it out, says that the item was busy, and is asked anew.
    proxy.fail(Fault("lost", action="TransactWriteItems", calls=1))
    proxy.fail(cancelled("None", "TransactionConflict", calls=1))
    assert claim(engine, lease)
    assert node.report(IDLE, time.time()).claimed


def test_a_claim_that_got_no_answer_is_there_and_raises(
    proxy: Faulty, engine: Registry, lease: Lease, node: NodeItem
) -> None:
    proxy.fail(Fault("lost", action="TransactWriteItems"))
    with pytest.raises(OpsError, match="Connection was closed"):
        claim(engine, lease)
    proxy.clear()
    assert node.report(IDLE, time.time()).claimed
    assert not claim(engine, lease)


def test_a_lease_whose_answer_was_lost_is_known_as_ours(proxy: Faulty, engine: Registry) -> None:
    engine.take("z", 1.0, 1)
    proxy.fail(Fault("lost", action="UpdateItem", contains="generation = :generation", calls=1))
    assert engine.take("a", 100.0, 45) == Lease("a", 2, 145.0)


def test_a_word_whose_answer_was_lost_is_said_again(proxy: Faulty, node: NodeItem) -> None:
    proxy.fail(Fault("lost", action="UpdateItem", calls=1))
    assert node.report(IDLE, time.time()) == Heard(PAUSE, "t1", False, "t1")
    proxy.fail(Fault("lost", action="UpdateItem", calls=1))
    assert node.confirm("t1", IDLE, time.time()).confirmed == "t1"


def test_a_word_without_an_answer_is_an_error_and_the_next_one_is_heard(
    proxy: Faulty, bench: Bench
) -> None:
    node = NodeItem(bench.client, bench.table, bench.fleet, "video", "i-1")
    proxy.fail(Fault("cut", action="UpdateItem"))
    with pytest.raises(OpsError, match=r"^AWS: speaking to fleet\d+-registry: "):
        node.report(IDLE, time.time())
    proxy.clear()
    assert node.report(IDLE, time.time()) == Heard()


@pytest.mark.parametrize("reason", ["TransactionConflict", "ThrottlingError"])
def test_a_node_that_speaks_meanwhile_is_waited_for(
    proxy: Faulty, engine: Registry, lease: Lease, node: NodeItem, reason: str
) -> None:
    proxy.fail(cancelled("None", reason, calls=2))
    assert claim(engine, lease)
    assert node.report(IDLE, time.time()).claimed


@pytest.mark.usefixtures("node")
def test_writes_that_are_always_in_the_way_end(
    proxy: Faulty, engine: Registry, lease: Lease
) -> None:
    proxy.forget()
    proxy.fail(cancelled("TransactionConflict", "None"))
    with pytest.raises(OpsError, match=f"expected to write within {ATTEMPTS} attempts"):
        claim(engine, lease)
    assert proxy.count("TransactWriteItems") == ATTEMPTS


@pytest.mark.usefixtures("node")
def test_a_reason_that_does_not_pass_is_told(proxy: Faulty, engine: Registry, lease: Lease) -> None:
    proxy.fail(cancelled("None", "ItemCollectionSizeLimitExceeded"))
    with pytest.raises(OpsError, match="got ItemCollectionSizeLimitExceeded: because of Item"):
        claim(engine, lease)


def test_an_engine_that_writes_meanwhile_is_waited_for(
    proxy: Faulty, engine: Registry, node: NodeItem
) -> None:
    busy = Fault("error", action="UpdateItem", code="TransactionConflictException", calls=1)
    for call in (
        lambda: node.report(IDLE, time.time()),
        lambda: node.confirm("t1", IDLE, time.time()),
        lambda: engine.take("a", time.time(), 60),
    ):
        proxy.fail(busy)
        assert call() is not None
    assert len([call for call in proxy.calls("UpdateItem") if call.struck]) == 3


def test_the_local_aws_keeps_a_transaction_whole_under_many_hands(bench: Bench) -> None:
    """All items or none, also where a condition fails, and no update is lost."""
    names = [f"counter-{i}" for i in range(30)]
    for name in names:
        bench.put(name, count={"N": "0"})

    def count(name: str) -> int:
        item = bench.item(name)
        assert item is not None
        return int(item["count"]["N"])

    def next_of(name: str, now: int) -> dict[str, Any]:
        return {
            "Update": {
                "TableName": bench.table,
                "Key": {"fleet": {"S": bench.fleet}, "item": {"S": name}},
                "UpdateExpression": "SET #c = :next",
                "ConditionExpression": "#c = :now",
                "ExpressionAttributeNames": {"#c": "count"},
                "ExpressionAttributeValues": {
                    ":now": {"N": str(now)},
                    ":next": {"N": str(now + 1)},
                },
            }
        }

    def climb(_: int) -> int:
        done = 0
        for _attempt in range(8):
            parts: Any = [next_of(name, now) for now in [count(names[0])] for name in names]
            try:
                bench.client.transact_write_items(TransactItems=parts)
                done += 1
            except bench.client.exceptions.TransactionCanceledException as error:
                codes = {reason["Code"] for reason in error.response["CancellationReasons"]}
                assert codes == {"ConditionalCheckFailed"}
        return done

    with ThreadPoolExecutor(6) as threads:
        done = sum(threads.map(climb, range(6)))
    assert {count(name) for name in names} == {done}
    assert done < 48  # some were refused, else nothing was shown


def test_the_local_aws_answers_a_transaction_again_by_its_token(
    proxy: Faulty, bench: Bench
) -> None:
    proxy.fail(Fault("lost", action="TransactWriteItems", calls=1))
    item = {"fleet": {"S": bench.fleet}, "item": {"S": "new"}}
    put = {
        "TableName": bench.table,
        "Item": item,
        "ConditionExpression": "attribute_not_exists(#item)",
        "ExpressionAttributeNames": {"#item": "item"},
    }
    bench.client.transact_write_items(TransactItems=[{"Put": put}])
    assert proxy.count("TransactWriteItems") == 2
    with pytest.raises(bench.client.exceptions.TransactionCanceledException):
        bench.client.transact_write_items(TransactItems=[{"Put": put}])


def test_the_local_aws_undoes_a_transaction_that_cannot_be_written(bench: Bench) -> None:
    bench.put("a", count={"N": "1"})
    key = {"fleet": {"S": bench.fleet}}
    parts: Any = [
        {"Delete": {"TableName": bench.table, "Key": {**key, "item": {"S": "a"}}}},
        {"Put": {"TableName": bench.table, "Item": {**key, "item": {"S": "b"}}}},
        {
            "Update": {
                "TableName": bench.table,
                "Key": {**key, "item": {"S": "c"}},
                "UpdateExpression": "SET #a = #b + :one",
                "ExpressionAttributeNames": {"#a": "a", "#b": "b"},
                "ExpressionAttributeValues": {":one": {"N": "1"}},
            }
        },
    ]
    with pytest.raises(bench.client.exceptions.TransactionCanceledException) as raised:
        bench.client.transact_write_items(TransactItems=parts)
    codes = [reason["Code"] for reason in raised.value.response["CancellationReasons"]]
    assert codes == ["None", "None", "ValidationError"]
    assert bench.item("a") == {**key, "item": {"S": "a"}, "count": {"N": "1"}}
    assert (bench.item("b"), bench.item("c")) == (None, None)
