"""Results in DynamoDB and in S3: kept, joined into chords, and shown by `ops tasks status`."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.fleet import NAME, Worker, wait_for
from tests.e2e.stores import BUCKET, Stores, with_stores
from tests.faulty import Fault

RESULTS = {
    "dynamodb": '[results]\nbackend = "dynamodb"',
    "s3": f'[results]\nbackend = "s3"\nbucket = "{BUCKET}"',
}


@pytest.fixture(scope="module", params=RESULTS)
def stores(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stores]:
    folder = tmp_path_factory.mktemp("results")
    with with_stores(folder, results=RESULTS[request.param], concurrency=2) as stores:
        stores.client("dynamodb").create_table(
            TableName=f"{NAME}-results",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
        yield stores


@pytest.fixture(scope="module")
def worker(stores: Stores) -> Worker:
    return stores.start("-P", "prefork" if in_table(stores) else "threads")


def in_table(stores: Stores) -> bool:
    return "dynamodb" in (stores.fleet.folder / "fleet.toml").read_text()


@pytest.fixture(autouse=True)
def _clean(stores: Stores) -> Iterator[None]:
    yield
    stores.proxy.clear()


def status(stores: Stores, task_id: str) -> dict[str, Any]:
    said = stores.ops("tasks", "status", task_id, "--json")
    assert said.returncode == 0, said.stderr
    found: dict[str, Any] = json.loads(said.stdout)
    return found


def test_a_producer_gets_a_result_and_an_operator_sees_it(stores: Stores, worker: Worker) -> None:
    said = stores.python("r = t.add.delay(2, 3); print(r.id, r.get(timeout=30))")
    task_id, value = said.split()
    place = f"dynamodb://{NAME}-results" if in_table(stores) else f"s3://{BUCKET}/results/"
    assert f".> results:     {place}\n" in worker.log
    assert value == "5"
    found = status(stores, task_id)
    assert (found["state"], found["result"], found["error"]) == ("SUCCESS", 5, None)
    assert found["done_at"] is not None
    shown = stores.ops("tasks", "status", task_id)
    assert shown.returncode == 0
    assert "SUCCESS" in shown.stdout
    calls = [call.action for call in stores.proxy.calls() if call.action]
    assert set(calls) <= {"GetItem", "PutItem"}  # no table is made, looked at or changed


def test_a_failure_is_shown_with_its_error(stores: Stores, worker: Worker) -> None:
    task_id = stores.python("print(e2e_tasks.fail.delay('fails', 'so it goes').id)").strip()
    wait_for(lambda: stores.ops("tasks", "status", task_id).returncode == 0, "its result", worker)
    found = status(stores, task_id)
    assert (found["state"], found["error"]) == ("FAILURE", "ValueError: so it goes")


def test_of_an_unknown_task_nothing_is_known(stores: Stores) -> None:
    said = stores.ops("tasks", "status", "no-such-id")
    assert (said.returncode, said.stdout) == (1, "")
    assert said.stderr.startswith("no-such-id: no result is kept: it waits or runs")
    asked = stores.ops("tasks", "status", "no-such-id", "--json")
    assert asked.returncode == 1
    assert json.loads(asked.stdout) == {"id": "no-such-id", "state": None}


def test_a_chord_is_joined(stores: Stores, worker: Worker) -> None:
    said = stores.python(
        "r = chord([t.add.s(1, 2), t.add.s(3, 4)])(t.total.s('chord')); print(r.get(timeout=40))"
    )
    assert said.split() == ["10"]
    (run,) = stores.starts("chord")
    assert run["total"] == 10


def test_a_store_that_errs_for_a_while_keeps_the_result(stores: Stores, worker: Worker) -> None:
    stores.proxy.fail(
        Fault("error", action="PutItem", code="InternalServerError", calls=2),
        Fault("error", method="PUT", code="SlowDown", calls=2),
    )
    task_id = stores.python("print(t.add.delay(20, 22).id)").strip()
    wait_for(lambda: stores.ops("tasks", "status", task_id).returncode == 0, "its result", worker)
    assert status(stores, task_id)["result"] == 42
    assert len(stores.starts("add-20-22")) == 1


def test_a_result_that_may_not_be_kept_is_a_failure_and_runs_once(
    stores: Stores, worker: Worker
) -> None:
    before = len(stores.fleet.dead_letters())
    stores.proxy.fail(
        # Errors whose classes boto3 makes as it runs.
        Fault("error", action="PutItem", code="ResourceNotFoundException"),
        Fault("error", method="PUT", code="NoSuchBucket"),
    )
    stores.python("t.add.delay(30, 12)")
    wait_for(lambda: len(stores.fleet.dead_letters()) > before, "a dead letter", worker)
    wait_for(stores.fleet.empty, "an empty queue", worker)
    reason = stores.fleet.reasons()[-1]
    assert reason["class"] == "ResultNotKept"
    store, code = (
        (f"dynamodb://{NAME}-results: ", "ResourceNotFoundException")
        if in_table(stores)
        else ("s3://", "NoSuchBucket")
    )
    assert reason["message"].startswith(store)
    assert code in reason["message"]
    assert len(stores.starts("add-30-12")) == 1


def test_a_failure_that_may_not_be_kept_keeps_its_reason(stores: Stores, worker: Worker) -> None:
    before = len(stores.fleet.dead_letters())
    stores.proxy.fail(
        Fault("error", action="PutItem", code="AccessDeniedException"),
        Fault("error", method="PUT", code="AccessDenied"),
    )
    stores.python("e2e_tasks.fail.delay('unkept', 'its own')")
    wait_for(lambda: len(stores.fleet.dead_letters()) > before, "a dead letter", worker)
    reason = stores.fleet.reasons()[-1]
    assert (reason["class"], reason["message"]) == ("ValueError", "its own")
    assert "its state FAILURE could not be kept" in worker.log


def test_what_is_kept_expires(stores: Stores, worker: Worker) -> None:
    task_id = stores.python("r = t.add.delay(5, 5); r.get(timeout=30); print(r.id)").strip()
    if not in_table(stores):
        assert [key for key in stores.objects("results/") if task_id in key]  # its lifecycle's
        return
    key = {"id": {"S": str(f"celery-task-meta-{task_id}".encode())}}
    item = stores.client("dynamodb").get_item(TableName=f"{NAME}-results", Key=key)["Item"]
    left = int(item["ttl"]["N"]) - time.time()
    assert 86400 - 120 < left <= 86400


def test_an_application_keeps_a_backend_of_its_own(stores: Stores) -> None:
    code = """
from worker.settings import install
for backend in ("cache+memory://", None):
    own = Celery("own", backend=backend, set_as_current=False)
    install(own)
    print(type(own.backend).__name__)
"""
    assert stores.python(code, FLEET_MANIFEST=str(_off(stores))).split() == ["CacheBackend", "Off"]


def _off(stores: Stores) -> Path:
    """Return a manifest of the same fleet without results."""
    off = stores.fleet.folder / "off.toml"
    text = (stores.fleet.folder / "fleet.toml").read_text()
    off.write_text(text.partition("[results]")[0])
    return off


def test_without_results_asking_names_the_table_to_add(stores: Stores) -> None:
    off = _off(stores)
    said = stores.python(
        """
try:
    t.add.delay(1, 1).get(timeout=1)
except NotImplementedError as error:
    print(error)
""",
        FLEET_MANIFEST=str(off),
    )
    assert "off.toml: results: expected a [results] table" in said
    asked = stores.ops("--manifest", str(off), "tasks", "status", "x")
    assert asked.returncode == 2
    assert "results are off" in asked.stderr
