"""Large arguments between our producers and Celery's own workers, and without a bucket."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

APP = Path(__file__).parent / "app"
sys.path.insert(0, str(APP))

from e2e_payloads import digest, noise  # noqa: E402

from tests.e2e.fleet import Worker, wait_for  # noqa: E402
from tests.e2e.stores import Stores, with_stores  # noqa: E402

THREE_MIB = 3 * 1024 * 1024
LARGE = 2 * 1024 * 1024


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    with with_stores(tmp_path_factory.mktemp("stock"), lease="6s", max_receives=2) as stores:
        yield stores


@pytest.fixture(scope="module")
def stock(stores: Stores) -> Worker:
    return stores.fleet.launch_stock("-P", "solo", imports="e2e_payloads,e2e_tasks")


def test_what_compresses_goes_without_s3_to_a_stock_worker(stores: Stores, stock: Worker) -> None:
    stores.python(f"t.read.delay('small', 'x' * {THREE_MIB})")
    wait_for(lambda: "small" in stores.fleet.finished(), "its run", stock)
    (run,) = stores.starts("small")
    assert run["text"] == digest("x" * THREE_MIB)
    assert not stores.objects()


def test_a_stock_worker_does_not_run_a_pointer(stores: Stores, stock: Worker) -> None:
    stores.python(f"t.read.delay('large', t.noise({LARGE}))")
    assert len(stores.objects()) == 1
    wait_for(lambda: "ContentDisallowed" in stock.log, "its refusal", stock)

    def empty() -> bool:
        stores.fleet.sqs.advance(6)  # it leaves what it refuses to the visibility timeout
        return stores.fleet.empty()

    wait_for(empty, "an empty queue", stock)
    stock.process.terminate()
    assert not stores.starts("large")
    (letter,) = stores.fleet.dead_letters()
    assert stores.objects()[0] in _inner(letter.body)
    # Sent again as it is, it still has its arguments.
    stores.fleet.send_bodies([letter.body])
    ours = stores.start()
    wait_for(lambda: "large" in stores.fleet.finished(), "its run", ours)
    (run,) = stores.starts("large")
    assert run["text"] == digest(noise(LARGE))


def _inner(body: str) -> str:
    envelope = json.loads(base64.b64decode(body))
    return base64.b64decode(envelope["body"]).decode()


def test_without_a_bucket_sending_says_what_to_do(stores: Stores) -> None:
    manifest = stores.fleet.folder / "fleet.toml"
    without = stores.fleet.folder / "without.toml"
    without.write_text(manifest.read_text().partition("\n")[2])
    said = stores.python(
        f"""
try:
    t.read.delay("never", t.noise({LARGE}))
except ValueError as error:
    print(type(error).__name__, error)
""",
        FLEET_MANIFEST=str(without),
    )
    assert said.startswith("MessageTooLarge e2e.read: expected a message of at most 1048576 bytes")
    for part in ("found 37", "of arguments", "compressed", "name a payload_bucket", "without.toml"):
        assert part in said


def test_a_bucket_that_is_not_there_says_how_to_make_it(stores: Stores) -> None:
    manifest = stores.fleet.folder / "fleet.toml"
    elsewhere = stores.fleet.folder / "elsewhere.toml"
    elsewhere.write_text(manifest.read_text().replace("e2e-payloads", "e2e-elsewhere", 1))
    said = stores.python(
        f"""
try:
    t.read.delay("never", t.noise({LARGE}))
except Exception as error:
    print(type(error).__name__, error)
""",
        FLEET_MANIFEST=str(elsewhere),
    )
    assert said.startswith("PayloadRefused")
    for part in ("payload_bucket e2e-elsewhere", "NoSuchBucket", "ops stores apply --yes"):
        assert part in said
