"""Tasks that are due later wait in SQS, hold no slot and wake nobody, and come in time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.fleet import QUEUE, wait_for
from tests.e2e.later import DELAYED, Later, later

HOUR = 3600


@pytest.fixture(scope="module")
def on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Later]:
    """One fleet with one slot, and a forwarder."""
    folder = tmp_path_factory.mktemp("delays")
    with later(folder, concurrency=1, max_receives=2) as on:
        on.worker()
        on.forwarder()
        yield on


def _runs(on: Later, prefix: str) -> list[dict[str, object]]:
    return [run for run in on.records() if run["key"].startswith(prefix)]


def _stock(on: Later, code: str) -> None:
    """Publish as an application on Celery's own SQS transport does."""
    on.python(
        f"import os; os.environ['E2E_QUEUE_URL'] = {on.fleet.queue_url!r}\n"
        f"from e2e_stock import app\napp.set_current()\n{code}"
    )


def test_a_countdown_comes_in_time_and_is_received_once(on: Later) -> None:
    received = on.fleet.counts().received
    due = on.publish({"ours-near": 600, "ours-far": 2 * HOUR})
    assert (on.fleet.counts().delayed, on.waiting().delayed) == (1, 1)
    on.turn(590)
    assert on.fleet.counts().visible + on.fleet.counts().in_flight == 0
    on.turn_until(lambda: len(_runs(on, "ours")) == 2, at_most_seconds=3 * HOUR)
    assert on.early() == []
    assert {run["key"]: run["due_at"] for run in _runs(on, "ours")} == due
    assert {run["receive_count"] for run in _runs(on, "ours")} == {1}
    assert all(run["eta"] for run in _runs(on, "ours"))  # the task may ask for it as ever
    wait_for(on.fleet.empty, "the deletes")
    assert on.fleet.counts().received == received + 2  # no worker ever had one that was not due
    assert on.waiting().present == 0


def test_what_stock_celery_sends_with_a_countdown_holds_no_slot(on: Later) -> None:
    """It is shown at once, so it is received; it goes back to wait, and other tasks run."""
    sent = on.waiting().sent
    now = on.clock.time()
    dues = {"stock-near": 600.0, "stock-far": 2.0 * HOUR}
    for key, seconds in dues.items():
        _stock(
            on,
            f"at = {now + seconds}\n"
            "eta = datetime.datetime.fromtimestamp(at, datetime.UTC)\n"
            f"t.due.apply_async(({key!r}, at), eta=eta)",
        )
    wait_for(lambda: on.fleet.counts().delayed == 1 and on.waiting().sent > sent, "both to wait")
    (other,) = on.fleet.submit("e2e.nap", 0)
    wait_for(lambda: other in on.fleet.finished(), "another task in the only slot")
    assert _runs(on, "stock") == []
    on.turn_until(lambda: len(_runs(on, "stock")) == 2, at_most_seconds=3 * HOUR)
    assert on.early() == []
    assert {run["receive_count"] for run in _runs(on, "stock")} == {1}
    wait_for(on.fleet.empty, "the deletes")


def test_a_retry_holds_no_slot_until_it_is_due(tmp_path: Path) -> None:
    # A fleet of its own: Celery takes a retry's time from the clock that is not turned.
    with later(tmp_path, aws=False, concurrency=1) as on:
        worker = on.worker()
        on.python("t.again.delay('retried', 300)")
        wait_for(lambda: on.fleet.counts().delayed == 1, "its retry to wait", worker)
        (other,) = on.fleet.submit("e2e.nap", 0)
        wait_for(lambda: other in on.fleet.finished(), "another task in the only slot", worker)
        on.turn(301)
        wait_for(lambda: len(_runs(on, "retried")) == 2, "its retry", worker)
        assert [run["retries"] for run in _runs(on, "retried")] == [0, 1]
        wait_for(on.fleet.empty, "the deletes", worker)


def test_a_task_that_acknowledges_at_its_start_waits_all_the_same(on: Later) -> None:
    now = on.clock.time()
    _stock(
        on,
        f"at = {now + 60}\n"
        "eta = datetime.datetime.fromtimestamp(at, datetime.UTC)\n"
        "t.early_due.apply_async(('early-ack', at), eta=eta)",
    )
    wait_for(lambda: on.fleet.counts().delayed == 1, "it to wait")
    on.turn(61)
    wait_for(lambda: _runs(on, "early-ack"), "its run")
    assert on.early() == []
    wait_for(on.fleet.empty, "its delete")


def test_a_date_too_far_off_is_refused_where_it_is_sent(on: Later) -> None:
    said = on.python(
        "try:\n"
        "    t.due.apply_async(('never', 0), countdown=400 * 86400)\n"
        "except ValueError as error:\n"
        "    print(error)\n"
    )
    assert said == (
        "eta: expected at most 366 days from now, found 400: keep such a date in a database, and "
        "send the task when it is near\n"
    )


def test_what_waits_is_counted_by_task_and_time(on: Later) -> None:
    on.publish({f"count-{i}": 2 * HOUR + i for i in range(12)})
    on.publish({"count-later": 48 * HOUR})
    before = json.loads(on.ops("queues", "delayed", "--json").stdout)
    assert (before["tasks"], before["not_looked_at"]) == ([], 13)
    on.turn(901)

    def counted() -> bool:
        table = json.loads(on.ops("queues", "delayed", "--json").stdout)
        within = {"6 h": 12, "later": 1}
        return table["not_looked_at"] == 0 and [
            (row["task"], row["queue"], {k: n for k, n in row["due_within"].items() if n})
            for row in table["tasks"]
        ] == [("e2e.due", QUEUE, within)]

    wait_for(counted, "the forwarder's account")
    table = on.ops("queues", "delayed").stdout
    assert table.splitlines()[0].split()[:2] == ["task", "queue"]
    counts = ["0", "0", "0", "12", "0", "1", "13"]
    assert table.splitlines()[1].split() == ["e2e.due", QUEUE, *counts]
    on.turn_until(lambda: len(_runs(on, "count-")) == 12, at_most_seconds=3 * HOUR)
    assert on.fleet.sqs.counts(DELAYED).present == 1


def test_ours_with_a_countdown_is_run_by_a_stock_worker(tmp_path: Path) -> None:
    """Up to fifteen minutes nothing of ours is needed where it arrives."""
    with later(tmp_path, aws=False) as on:
        worker = on.fleet.launch_stock("-P", "solo", imports="e2e_delays,e2e_tasks")
        due = on.publish({"for stock": 2})
        wait_for(on.records, "its run", worker)
        assert [(run["key"], run["due_at"]) for run in on.records()] == list(due.items())
        assert on.early() == []
