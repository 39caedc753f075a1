"""An application that exists already joins the fleet, its producers too."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.fleet import APP, QUEUE, REPOSITORY, Fleet, one_queue, wait_for

BY_CONFIGURATION = """
from celery import Celery

app = Celery("shop")
app.config_from_object("celeryconfig")
"""

BY_INSTALLING = """
from celery import Celery
from worker.settings import install

app = Celery("shop", broker="amqp://elsewhere.invalid", include=["shop_tasks"])
app.conf.update(
    timezone="Europe/Berlin",
    task_serializer="pickle",
    task_acks_late=False,
    task_routes={"e2e.nap": {"queue": "elsewhere"}},
)
install(app)
assert app.conf.timezone == "Europe/Berlin"
"""

SHOP_TASKS = """
from celery import shared_task
from e2e_tasks import record

@shared_task(bind=True, name="e2e.own")
def own(self, key):
    record(self, "start", key)
    record(self, "end", key)
"""

PRODUCER = """
from shop import app
import e2e_tasks, shop_tasks

e2e_tasks.nap.delay("delayed", 0.01)
shop_tasks.own.delay("own")
app.send_task("e2e.nap", ("by name",))
app.tasks["e2e.nap"].apply_async(("to its queue",), queue="work")
app.send_task("nobody.knows", ("to the other queue",), queue="mail")
try:
    app.send_task("nobody.knows", ())
except Exception as error:
    print(type(error).__name__, error, sep=": ")
"""


def _adopting(fleet: Fleet, shop: str) -> None:
    """Lay the application's modules beside the manifest, to which a second queue is added."""
    for name, text in (("shop", shop), ("shop_tasks", SHOP_TASKS), ("producer", PRODUCER)):
        (fleet.folder / f"{name}.py").write_text(text)
    manifest = fleet.folder / "fleet.toml"
    text = manifest.read_text().replace('["e2e_tasks"]', '["e2e_tasks", "shop_tasks"]')
    manifest.write_text(f'{text}[queues.mail]\ntasks = ["mail.*"]\n')
    assert fleet.ops("queues", "apply", "--yes").returncode == 0


def _python(fleet: Fleet, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *args],
        cwd=fleet.folder,
        env=fleet.env(**env),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("shop", [BY_CONFIGURATION, BY_INSTALLING], ids=["configured", "installed"])
def test_an_application_runs_its_tasks_on_the_fleet(tmp_path: Path, shop: str) -> None:
    with one_queue(tmp_path, concurrency=2) as fleet:
        _adopting(fleet, shop)
        fleet.sqs.reset_calls()
        worker = fleet.launch("-m", "celery", "-A", "shop", "worker", "-Q", QUEUE)
        produced = _python(fleet, "producer.py")
        assert produced.returncode == 0, produced.stderr
        refused = produced.stdout.strip()
        assert refused.startswith("Unrouted: "), refused
        assert refused.count("\n") == 0
        for part in ("fleet.toml", "nobody.knows", 'tasks = ["nobody.knows"]'):
            assert part in refused

        keys = {"delayed", "own", "by name", "to its queue"}
        wait_for(lambda: fleet.finished() == keys, "the tasks' ends", worker)
        wait_for(fleet.empty, "an empty queue", worker)
        assert fleet.run_counts() == dict.fromkeys(keys, 1)
        assert fleet.sqs.counts("e2e-mail").visible == 1
        status = worker.status()
        assert (status["pool"], status["slots"]) == ("prefork", 2)
        worker.signal(signal.SIGTERM)
        assert worker.wait() == 0, worker.log
        calls = fleet.sqs.calls()
        for action in ("ListQueues", "CreateQueue", "SetQueueAttributes", "SendMessageBatch"):
            assert calls.requests(action) == 0
        assert not fleet.dead_letters()


@dataclass(frozen=True)
class Mistake:
    """A mistake that a producer meets while it loads its settings."""

    name: str
    env: dict[str, str]
    said: tuple[str, ...]


@pytest.mark.parametrize("shop", [BY_CONFIGURATION, BY_INSTALLING], ids=["configured", "installed"])
def test_a_producer_meets_an_exception_and_lives(tmp_path: Path, shop: str) -> None:
    """It may be a web server with other things to do: nothing exits under it."""
    program = (
        "try:\n"
        "    from shop import app\n"
        "    app.conf.task_acks_late\n"
        "except Exception as error:\n"
        "    print(type(error).__name__, error, sep=': ')\n"
        "print('still here')\n"
    )
    with one_queue(tmp_path) as fleet:
        _adopting(fleet, shop)
        bad = fleet.folder / "bad.toml"
        bad.write_text('name = "e2e"\n[queues.work]\ntasks = ["e2e.*"]\nlese = "5s"\n')
        for mistake in (
            Mistake("a bad manifest", {"FLEET_MANIFEST": str(bad)}, ("lese", "did you mean lease")),
            Mistake("no manifest", {"FLEET_MANIFEST": "gone.toml"}, ("gone.toml", "no such file")),
        ):
            ended = _python(fleet, "-c", program, **mistake.env)
            assert ended.returncode == 0, ended.stderr
            first, last = ended.stdout.strip().splitlines()
            assert first.startswith("Refusal: "), mistake.name
            assert all(part in first for part in mistake.said), first
            assert last == "still here"

        hidden = tmp_path / "hidden"
        hidden.mkdir()
        (hidden / "worker.py").write_text("")
        path = f"{hidden}:{APP}:{REPOSITORY}"
        ended = _python(fleet, "-c", program, PYTHONPATH=path)
        assert ended.returncode == 0, ended.stderr
        assert ended.stdout.strip().splitlines()[-1] == "still here"


def test_a_queue_that_is_missing_is_said_to_the_producer_with_its_remedy(tmp_path: Path) -> None:
    with one_queue(tmp_path) as fleet:
        _adopting(fleet, BY_CONFIGURATION)
        manifest = fleet.folder / "fleet.toml"
        manifest.write_text(f'{manifest.read_text()}[queues.new]\ntasks = ["new.*"]\n')
        ended = _python(
            fleet,
            "-c",
            "from shop import app\n"
            "try:\n"
            "    app.send_task('new.task', ())\n"
            "except Exception as error:\n"
            "    print(error)\n",
        )
        assert ended.returncode == 0, ended.stderr
        assert "queue e2e-new: expected in SQS" in ended.stdout
        assert "ops queues apply --yes" in ended.stdout
