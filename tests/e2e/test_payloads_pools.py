"""Arguments in S3 under the pools without child processes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

APP = Path(__file__).parent / "app"
sys.path.insert(0, str(APP))

from e2e_payloads import digest, noise  # noqa: E402

from tests.e2e.fleet import wait_for  # noqa: E402
from tests.e2e.stores import BUCKET, with_stores  # noqa: E402
from tests.faulty import Fault  # noqa: E402

LARGE = 2 * 1024 * 1024


@pytest.mark.parametrize("pool", ["threads", "solo"])
def test_arguments_arrive_wait_for_s3_or_are_missed(tmp_path: Path, pool: str) -> None:
    with with_stores(tmp_path, pool=pool, lease="6s", **_slots(pool)) as stores:
        fleet = stores.fleet
        stores.python(f"t.read.delay('first', t.noise({LARGE}))")
        worker = stores.start()
        wait_for(lambda: "first" in fleet.finished(), "its run", worker)
        (run,) = stores.starts("first")
        assert run["text"] == run["request"] == digest(noise(LARGE))
        wait_for(fleet.empty, "an empty queue", worker)

        stores.proxy.fail(Fault("error", method="GET", code="SlowDown"))
        stores.python(f"t.read.delay('waits', t.noise({LARGE}))")

        def hidden() -> bool:
            return [m.due_in_seconds > 6 for m in fleet.sqs.peek(fleet.queue_name)] == [True]

        wait_for(hidden, "the task to be put off", worker)
        stores.proxy.clear()
        fleet.sqs.advance(12)
        wait_for(lambda: "waits" in fleet.finished(), "its run", worker)

        worker.order("pause")
        stores.python(f"t.read.delay('gone', t.noise({LARGE}))")
        for key in stores.objects():
            stores.client("s3").delete_object(Bucket=BUCKET, Key=key)
        worker.order("resume")
        wait_for(fleet.dead_letters, "a dead letter", worker)
        (reason,) = fleet.reasons()
        assert reason["class"] == "PayloadLost"
        assert not stores.starts("gone")


def _slots(pool: str) -> dict[str, object]:
    # solo takes no other number of them
    return {"concurrency": 1} if pool == "solo" else {}
