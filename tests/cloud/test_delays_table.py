"""The table of what waits: written behind the forwarder, through errors, and read for people."""

from __future__ import annotations

import threading
import uuid
from random import Random
from typing import Any

import boto3
import pytest
from botocore.config import Config

from ops.queues.waiting_table import WaitingTable, read_all
from tests.cloud.engine_bench import wait_for
from tests.faulty import Fault, Faulty
from worker.delays import Waiting

DUE = 1_900_000_000.25


@pytest.fixture
def client(proxy: Faulty) -> Any:
    return boto3.client(
        "dynamodb",
        endpoint_url=proxy.url,
        region_name="eu-west-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}),
    )


@pytest.fixture
def table(client: Any) -> WaitingTable:
    name = f"t-{uuid.uuid4()}"
    client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return WaitingTable(client, name, Random(1))


def tasks(count: int) -> list[Waiting]:
    return [Waiting("mail", "mail.send", f"id-{i}", DUE + i) for i in range(count)]


def ids(table: WaitingTable) -> set[str]:
    items, missing = read_all(table.client, table.name)
    assert missing is None
    return {item.task_id for item in items}


def writers() -> set[threading.Thread]:
    return {one for one in threading.enumerate() if one.name == "fleet-waiting-table"}


def wait_written(table: WaitingTable) -> None:
    wait_for(lambda: table.written, "the table")


def test_what_waits_is_there_until_it_is_gone(table: WaitingTable) -> None:
    for task in tasks(60):
        table.waits(task)
    for task in tasks(20):
        table.gone(task)
    table.waits(Waiting("mail", "mail.send", "é" * 1024, DUE))  # its key would be too long
    wait_written(table)
    items, missing = read_all(table.client, table.name)
    assert missing is None
    assert {i for i in items if i.task_id.startswith("id-")} == set(tasks(60)[20:])
    assert len(items) == 41


def test_an_item_goes_by_itself_a_day_after_the_task_was_due(table: WaitingTable) -> None:
    table.waits(*tasks(1))
    wait_written(table)
    (item,) = table.client.scan(TableName=table.name)["Items"]
    assert item["expires"] == {"N": str(int(DUE) + 86_400)}


@pytest.mark.parametrize("kind", ["error", "status", "lost", "cut"])
def test_what_fails_is_tried_again_and_said_once(
    table: WaitingTable, proxy: Faulty, kind: Any, caplog: pytest.LogCaptureFixture
) -> None:
    more = {"error": {"code": "ThrottlingException"}, "status": {"status": 503}}.get(kind, {})
    proxy.fail(Fault(kind, action="BatchWriteItem", calls=3, **more))
    for task in tasks(30):
        table.waits(task)
    wait_written(table)
    assert ids(table) == {task.task_id for task in tasks(30)}
    said = [record.message for record in caplog.records if record.name.endswith("waiting_table")]
    assert ["moved on all the same" in line for line in said] == [True, False]
    assert "noted there again" in said[1]


@pytest.mark.parametrize("fails", [False, True])
def test_closed_it_leaves_no_thread_behind(table: WaitingTable, proxy: Faulty, fails: bool) -> None:
    before = writers()
    if fails:
        proxy.fail(Fault("error", action="BatchWriteItem", calls=10_000, code="Throttling"))
    try:
        table.waits(*tasks(1))
        assert writers() > before
        assert table.close(30.0) is not fails
        wait_for(lambda: writers() == before, "the end of its thread")
    finally:
        proxy.clear()
    assert ids(table) == (set() if fails else {"id-0"})


def test_a_table_that_is_not_there_is_named_with_its_remedy(client: Any) -> None:
    assert read_all(client, "media-waiting") == (
        [],
        "media-waiting: expected in DynamoDB, not found there: create it with ops stores apply "
        "--yes; until then tasks are counted, and not named",
    )


def test_access_denied_is_said_with_its_remedy(client: Any, proxy: Faulty) -> None:
    proxy.fail(Fault("error", action="Scan", code="AccessDeniedException", calls=1))
    _, said = read_all(client, "media-waiting")
    assert said is not None
    assert "allow dynamodb:Scan" in said
