"""Tasks that a worker does not know: hidden, twice as long each time, until one knows them."""

from __future__ import annotations

import json
import signal
from pathlib import Path

from tests.e2e.fleet import Fleet, Worker, one_queue, wait_for
from tests.sqs.control import PeekedMessage

LEASE_SECONDS = 6


def _hidden(fleet: Fleet, receives: int, worker: Worker) -> PeekedMessage:
    """Wait until the one message was received that often and lies hidden, given up."""

    def found() -> PeekedMessage | None:
        (message,) = fleet.sqs.peek(fleet.queue_name)
        longer = message.due_in_seconds > LEASE_SECONDS
        return message if message.receive_count == receives and longer else None

    hidden: PeekedMessage = wait_for(found, f"receive {receives} to be hidden", worker)
    return hidden


def test_each_receive_doubles_the_wait_and_the_last_records_it(tmp_path: Path) -> None:
    with one_queue(tmp_path, pool="threads", lease=f"{LEASE_SECONDS}s", max_receives=9) as fleet:
        worker = fleet.start()
        fleet.submit("e2e.later")
        for receives in range(1, 9):
            due = _hidden(fleet, receives, worker).due_in_seconds
            wanted = min(LEASE_SECONDS * 2**receives, 900)
            assert wanted - 2 < due <= wanted
            fleet.sqs.advance(due)
        wait_for(fleet.dead_letters, "a dead letter", worker)
        wait_for(fleet.empty, "an empty queue", worker)
        (reason,) = fleet.reasons()
        assert (reason["class"], reason["receives"]) == ("NotRegistered", 9)
        assert "e2e.later" in reason["message"]
        (key,) = fleet.submit("e2e.nap")
        wait_for(lambda: key in fleet.finished(), "a task after it", worker)


def test_a_release_that_knows_the_task_runs_it(tmp_path: Path) -> None:
    with one_queue(tmp_path, pool="threads", lease=f"{LEASE_SECONDS}s") as fleet:
        old = fleet.start()
        (key,) = fleet.submit("e2e.later")
        due = _hidden(fleet, 1, old).due_in_seconds
        old.signal(signal.SIGTERM)
        assert old.wait() == 0, old.log
        assert not fleet.dead_letters()

        manifest = tmp_path / "fleet.toml"
        imports = json.dumps(["e2e_tasks", "e2e_later"])
        manifest.write_text(manifest.read_text().replace('["e2e_tasks"]', imports))
        new = fleet.start()
        fleet.sqs.advance(due)
        wait_for(lambda: key in fleet.finished(), "its run", new)
        wait_for(fleet.empty, "an empty queue", new)
        assert [run.receive_count for run in fleet.runs()] == [2]
