"""Arguments too large for SQS: through S3, to a worker's processes and never to its parent."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

APP = Path(__file__).parent / "app"
sys.path.insert(0, str(APP))

from e2e_payloads import digest, noise  # noqa: E402

from tests.e2e.fleet import Worker, wait_for  # noqa: E402
from tests.e2e.stores import BUCKET, Stores, with_stores  # noqa: E402
from tests.faulty import Fault  # noqa: E402

FIVE_MIB = 5 * 1024 * 1024
#: Incompressible and over what SQS takes.
LARGE = 2 * 1024 * 1024
LEASE_SECONDS = 6


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    folder = tmp_path_factory.mktemp("payloads")
    with with_stores(folder, concurrency=2, lease=f"{LEASE_SECONDS}s", max_receives=3) as stores:
        yield stores


@pytest.fixture(scope="module")
def worker(stores: Stores) -> Worker:
    return stores.start("-P", "prefork")


@pytest.fixture(autouse=True)
def _clean(stores: Stores) -> Iterator[None]:
    stores.proxy.forget()
    yield
    stores.proxy.clear()


def send(stores: Stores, key: str, task: str = "read") -> None:
    stores.python(f"t.{task}.delay('{key}', t.noise({LARGE}, '{key}'))")


def done(stores: Stores, key: str, worker: Worker) -> None:
    wait_for(lambda: key in stores.fleet.finished(), f"the end of {key}", worker)
    wait_for(stores.fleet.empty, "an empty queue", worker)


def put_off(stores: Stores, worker: Worker, receive: int = 1) -> None:
    """Wait until the one message was received that often, and lies hidden for longer each time."""

    def hidden() -> bool:
        messages = stores.fleet.sqs.peek(stores.fleet.queue_name)
        return [m.due_in_seconds > LEASE_SECONDS * 2 ** (receive - 1) for m in messages] == [True]

    wait_for(hidden, "the task to be put off", worker)


def put_off_or_done(stores: Stores, worker: Worker, key: str) -> None:
    """Let time pass for what may lie hidden, until it has run."""

    def ran() -> bool:
        hidden = stores.fleet.sqs.peek(stores.fleet.queue_name)
        if any(message.due_in_seconds > LEASE_SECONDS for message in hidden):
            stores.fleet.sqs.advance(2 * LEASE_SECONDS)
        return key in stores.fleet.finished()

    wait_for(ran, f"the end of {key}", worker)
    wait_for(stores.fleet.empty, "an empty queue", worker)


def new_reason(stores: Stores, before: int, worker: Worker) -> dict[str, object]:
    wait_for(lambda: len(stores.fleet.dead_letters()) > before, "a dead letter", worker)
    wait_for(stores.fleet.empty, "an empty queue", worker)
    return stores.fleet.reasons()[-1]


def test_a_task_is_given_five_mib_and_its_retry_writes_them_anew(
    stores: Stores, worker: Worker
) -> None:
    stores.python(f"t.read_again.delay('again', t.noise({FIVE_MIB}))")
    done(stores, "again", worker)
    first, second = stores.starts("again")
    assert (first["retries"], second["retries"]) == (0, 1)
    assert first["text"] == second["text"] == digest(noise(FIVE_MIB))
    folder = f"/{BUCKET}/payloads/"
    put = [call.path.partition("?")[0] for call in stores.proxy.calls(method="PUT", path=folder)]
    assert len(set(put)) == 2
    assert all(first["id"] in path for path in put)
    # one fetch each, of what each was sent with
    assert [c.path.partition("?")[0] for c in stores.proxy.calls(method="GET", path=folder)] == put
    for key in stores.objects():
        head = stores.client("s3").head_object(Bucket=BUCKET, Key=key)
        assert head["ServerSideEncryption"] == "AES256"


def test_the_task_itself_sees_its_arguments(stores: Stores, worker: Worker) -> None:
    send(stores, "request")
    done(stores, "request", worker)
    (run,) = stores.starts("request")
    assert run["text"] == run["request"] == digest(noise(LARGE, "request"))


def test_the_process_that_runs_the_task_fetches_and_others_go_on(
    stores: Stores, worker: Worker
) -> None:
    stores.proxy.fail(Fault("silent", method="GET", path=f"/{BUCKET}/payloads/", calls=1))
    send(stores, "hangs")
    (call,) = wait_for(
        lambda: stores.proxy.calls(method="GET", path=f"/{BUCKET}"), "a fetch", worker
    )
    parent = psutil.Process(worker.process.pid)
    fetching = [
        child
        for child in parent.children()
        if any(c.laddr and c.laddr.port == call.peer for c in child.net_connections("tcp"))
    ]
    assert len(fetching) == 1
    keys = stores.fleet.submit("e2e.nap", count=5)
    wait_for(lambda: set(keys) <= stores.fleet.finished(), "tasks beside it", worker)
    assert worker.status()["polls"]
    assert not stores.starts("hangs")
    stores.proxy.clear()
    done(stores, "hangs", worker)
    assert [run["receive_count"] for run in stores.starts("hangs")] == [1]


@pytest.mark.parametrize(
    "faults",
    [
        [Fault("error", method="GET", code="SlowDown", calls=2)],
        [Fault("cut", method="GET", calls=1), Fault("lost", method="GET", calls=1)],
        [Fault("slow", method="GET", calls=1, seconds=1.5)],
        [Fault("status", method="GET", status=500, calls=2)],
    ],
    ids=lambda faults: "-".join(fault.kind for fault in faults),
)
def test_a_fault_that_passes_costs_nothing(
    stores: Stores, worker: Worker, faults: list[Fault]
) -> None:
    key = f"blip-{faults[0].kind}"
    stores.proxy.fail(*faults)
    send(stores, key)
    done(stores, key, worker)
    assert [run["receive_count"] for run in stores.starts(key)] == [1]


def test_an_s3_that_takes_late_is_sent_to_again(stores: Stores, worker: Worker) -> None:
    stores.proxy.fail(Fault("error", method="PUT", code="SlowDown", calls=2))
    stores.proxy.fail(Fault("lost", method="PUT", calls=1))
    send(stores, "late")
    done(stores, "late", worker)


def test_an_s3_that_is_down_puts_the_task_off(stores: Stores, worker: Worker) -> None:
    stores.proxy.fail(Fault("error", method="GET", code="ServiceUnavailable"))
    send(stores, "down")

    put_off(stores, worker)
    assert not stores.fleet.dead_letters()
    assert "waits for its arguments" in worker.log
    stores.proxy.clear()
    stores.fleet.sqs.advance(2 * LEASE_SECONDS)
    done(stores, "down", worker)
    assert [run["receive_count"] for run in stores.starts("down")] == [2]
    assert not stores.starts("errback")


def test_a_role_that_may_not_read_ends_in_the_dead_letter_queue_saying_so(
    stores: Stores, worker: Worker
) -> None:
    before = len(stores.fleet.dead_letters())
    stores.proxy.fail(Fault("error", method="GET", code="AccessDenied"))
    send(stores, "denied")
    for receive in (1, 2):
        put_off(stores, worker, receive)
        stores.fleet.sqs.advance(LEASE_SECONDS * 2**receive)
    reason = new_reason(stores, before, worker)
    assert (reason["class"], reason["receives"]) == ("PayloadUnavailable", 3)
    assert "AccessDenied" in str(reason["message"])
    assert not stores.starts("denied")


def test_a_soft_time_limit_during_the_fetch_puts_the_task_off(
    stores: Stores, worker: Worker
) -> None:
    stores.proxy.fail(Fault("silent", method="GET", path=f"/{BUCKET}/payloads/"))
    before = len(stores.fleet.dead_letters())
    stores.python(
        f"t.read.apply_async(('soft', t.noise({LARGE})), soft_time_limit=1, time_limit=60)"
    )
    wait_for(lambda: "Soft time limit (1s) exceeded" in worker.log, "the limit", worker)
    stores.proxy.clear()
    put_off_or_done(stores, worker, "soft")
    assert len(stores.fleet.dead_letters()) == before


def test_arguments_that_are_gone_are_a_failure_with_its_reason(
    stores: Stores, worker: Worker
) -> None:
    before = len(stores.fleet.dead_letters())
    worker.order("pause")
    stores.python(f"t.read.apply_async(('gone', t.noise({LARGE})), link_error=t.failed.s())")
    (put,) = stores.proxy.calls(method="PUT", path=f"/{BUCKET}/payloads/")
    key = put.path.partition("?")[0].removeprefix(f"/{BUCKET}/")
    stores.client("s3").delete_object(Bucket=BUCKET, Key=key)
    worker.order("resume")
    wait_for(lambda: stores.starts("errback"), "the errback", worker)
    reason = new_reason(stores, before, worker)
    assert reason["class"] == "PayloadLost"
    assert key in str(reason["message"])
    assert not stores.starts("gone")


def test_a_chain_carries_what_its_first_task_returned(stores: Stores, worker: Worker) -> None:
    stores.python(f"chain(t.grow.s('grown', {LARGE}), t.take.s('taken')).delay()")
    done(stores, "taken", worker)
    (run,) = stores.starts("taken")
    assert run["text"] == digest(noise(LARGE))
    (put,) = stores.proxy.calls(method="PUT", path=f"/{BUCKET}/payloads/")
    assert put.size_bytes > LARGE


def test_a_child_that_dies_leaves_the_pointer(stores: Stores, worker: Worker) -> None:
    stores.python(f"t.die_once.delay('dies', t.noise({LARGE}))")
    done(stores, "dies", worker)
    first, second = stores.starts("dies")
    assert first["text"] == second["text"] == digest(noise(LARGE))
    assert (first["receive_count"], second["receive_count"]) == (1, 2)
    assert len(stores.proxy.calls(method="PUT", path=f"/{BUCKET}/payloads/")) == 1
