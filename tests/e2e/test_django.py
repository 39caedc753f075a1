"""The Django example as its README runs it: migrate, apply, a worker, a web server, an order."""

from __future__ import annotations

import contextlib
import email
import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ops.local.aws import local_aws
from tests.e2e.fleet import REPOSITORY, wait_for
from tests.sqs import StrictSqsProcess
from tests.sqs.control import Control

EXAMPLE = REPOSITORY / "examples/django"

#: Celery without a line of ours, on the fleet's queues: a producer or a worker that has not moved.
STOCK = """
import os, pathlib, urllib.parse
from celery import Celery

where = urllib.parse.urlsplit(os.environ["AWS_ENDPOINT_URL_SQS"])
app = Celery("old", broker=f"sqs://test:test@{where.netloc}//")
app.conf.broker_transport_options = {
    "region": "eu-west-1", "is_secure": False, "queue_name_prefix": "shop-", "wait_time_seconds": 1,
}

@app.task(name="orders.tasks.confirm")
def confirm(order_id):
    pathlib.Path("confirmed").write_text(str(order_id))

if __name__ == "__main__":
    import sys
    if sys.argv[2:]:  # one of its queues has moved
        app.conf.broker_transport_options = {
            "region": "eu-west-1", "is_secure": False,
            "predefined_queues": {"mail": {"url": sys.argv[2]}},
        }
    app.send_task("orders.tasks.remind", (int(sys.argv[1]),), queue="mail")
"""


@dataclass
class Shop:
    """The example's processes, in an account and with a database of their own."""

    folder: Path
    sqs_url: str
    aws_url: str
    url: str = ""

    @property
    def sqs(self) -> Control:
        return Control(self.sqs_url)

    def env(self) -> dict[str, str]:
        others = ("AWS_", "FLEET_", "CELERY_", "DJANGO_", "SHOP_")
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(others)}
        return {
            **inherited,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_ENDPOINT_URL": self.aws_url,
            "AWS_ENDPOINT_URL_SQS": self.sqs_url,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "FLEET_RUNTIME_DIR": str(self.folder / "run"),
            "PYTHONPATH": str(REPOSITORY),
            "PYTHONUNBUFFERED": "1",
            "SHOP_DATABASE": str(self.folder / "db.sqlite3"),
            "SHOP_MAILS": str(self.folder / "mails"),
        }

    def run(self, *command: str, cwd: Path = EXAMPLE) -> subprocess.CompletedProcess[str]:
        ran = subprocess.run(
            [sys.executable, "-W", "ignore", *command],
            cwd=cwd,
            env=self.env(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "Traceback" not in ran.stderr, ran.stderr
        return ran

    @contextlib.contextmanager
    def running(self, name: str, *command: str, cwd: Path = EXAMPLE) -> Iterator[Path]:
        """Run a process of the shop, and yield the file of what it says."""
        log = self.folder / f"{name}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-W", "ignore", *command],
                cwd=cwd,
                env=self.env(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        try:
            yield log
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def ask(self, path: str, body: bytes | None = None) -> tuple[int, dict[str, Any]]:
        try:
            with urllib.request.urlopen(f"{self.url}{path}", body, timeout=20) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def mails(self) -> list[Any]:
        folder = self.folder / "mails"
        return [email.message_from_bytes(file.read_bytes()) for file in folder.glob("*.log")]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    with StrictSqsProcess() as server, local_aws(folder, lambda: None) as aws:
        shop = Shop(folder, server.url, aws)
        (shop.folder / "stock.py").write_text(STOCK)
        assert shop.run("manage.py", "migrate", "-v0").returncode == 0
        applied = shop.run("-m", "ops", "queues", "apply", "--yes")
        assert applied.returncode == 0, applied.stderr
        stores = shop.run("-m", "ops", "stores", "apply", "--yes")
        assert stores.returncode == 0, stores.stderr
        with shop.running("web", "manage.py", "runserver", "--noreload", "127.0.0.1:0") as log:
            started = re.compile(r"server at (http://127\.0\.0\.1:\d+)/")
            shop.url = wait_for(lambda: started.search(log.read_text()), "the web server")[1]
            yield shop


def test_doctor_finds_nothing_in_it_nor_in_its_account(shop: Shop) -> None:
    ran = shop.run("-m", "ops", "doctor", "--app", "shop.celery:app")
    assert (ran.returncode, ran.stdout) == (0, ""), ran.stdout
    assert "nothing bites" in ran.stderr


def test_what_is_no_order_sends_nothing(shop: Shop) -> None:
    for body in (b"[]", b'{"email": "nobody", "amount_cents": 1}', b"\xff", b'{"email": 1}'):
        status, told = shop.ask("/orders/", body)
        assert (status, list(told)) == (400, ["error"])
    assert shop.sqs.counts("shop-mail").present == 0


def order(shop: Shop) -> str:
    """Order over HTTP once a worker listens, and return the order's path."""
    wait_for(lambda: _listened_to(shop), "a worker that polls, and none that has left")
    told = json.dumps({"email": "ada@shop.example", "amount_cents": 1250}).encode()
    status, taken = shop.ask("/orders/", told)
    assert (status, taken["confirmed"]) == (201, False)
    return f"/orders/{taken['id']}/"


def states(shop: Shop) -> set[str]:
    return {message.state for message in shop.sqs.peek("shop-mail")}


def _listened_to(shop: Shop) -> bool:
    # A message that answers the poll of a worker that was killed is hidden for a lease.
    counts = shop.sqs.counts("shop-mail")
    return counts.open_polls > 0 and counts.closed_polls == 0


def test_a_stock_worker_runs_what_a_moved_producer_sends(shop: Shop) -> None:
    command = ("-m", "celery", "-A", "stock", "worker", "-Q", "mail", "-P", "solo")
    with shop.running("stock", *command, cwd=shop.folder) as log:
        path = order(shop)
        done = shop.folder / "confirmed"
        wait_for(lambda: done.exists() and done.read_text(), f"a run: {log}")
        wait_for(lambda: states(shop) == {"delayed"}, "the delete")
        assert done.read_text() == path.split("/")[2]


def test_an_order_is_confirmed_by_a_worker_and_its_reminder_waits(shop: Shop) -> None:
    with shop.running("worker", "-m", "celery", "-A", "shop", "worker", "-Q", "mail") as log:
        path = order(shop)
        wait_for(lambda: shop.ask(path)[1]["confirmed"], "the confirmation")
        [mail] = shop.mails()
        # Producers that have not moved yet: all of their queues lead here, or this one does.
        sent = shop.sqs.counts("shop-mail").sent
        for more in ((), (f"{shop.sqs_url}/123456789012/shop-mail",)):
            ran = shop.run("stock.py", path.split("/")[2], *more, cwd=shop.folder)
            assert ran.returncode == 0, ran.stderr
        assert shop.sqs.counts("shop-mail").sent == sent + 2
        wait_for(lambda: shop.ask(path)[1]["reminded"], "the task of a stock producer")
        wait_for(lambda: states(shop) == {"delayed"}, "the deletes")
        assert "Traceback" not in log.read_text()
    assert (mail["To"], mail["Message-ID"]) == (
        "ada@shop.example",
        f"<order-{path.split('/')[2]}-confirmed@shop.example>",
    )
