"""Starting ``celery worker -Q QUEUE``: what is refused, in one line, and what the flags change."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.e2e.fleet import APP, REPOSITORY, Fleet, one_queue, wait_for

#: A refused start takes about a second of processor.
REFUSED_WITHIN_SECONDS = 60.0

#: How the ``celery`` command lies beside the interpreter that runs these tests.
CELERY = Path(sys.executable).with_name("celery")


@dataclass(frozen=True)
class Start:
    """One way to start a worker wrongly, and what the line must hold."""

    name: str
    said: tuple[str, ...]
    flags: tuple[str, ...] = ("-Q", "work")
    manifest: str | None = None  # None: the fleet's own
    files: dict[str, str] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    python_path: str = f"{APP}:{REPOSITORY}"


def _manifest(imports: str = "e2e_tasks", name: str = "e2e", more: str = "") -> str:
    return (
        f'name = "{name}"\nregion = "eu-west-1"\nimports = ["{imports}"]\n'
        f'[queues.work]\ntasks = ["e2e.*"]\n{more}\n[queues.mail]\ntasks = ["mail.*"]\n'
    )


WRONG = (
    Start("no queue", ("-Q", "expected one queue", "found none", "work, mail"), flags=()),
    Start("an empty queue", ("-Q",), flags=("-Q", "")),
    Start("two queues", ("-Q", "found 2 (work, mail)"), flags=("-Q", "work,mail")),
    Start("an unknown queue", ("-Q", "got wrk", "did you mean work?"), flags=("-Q", "wrk")),
    Start("no manifest", ("nowhere.toml", "no such file"), env={"FLEET_MANIFEST": "nowhere.toml"}),
    Start("a folder", (".", "expected a file", "FLEET_MANIFEST"), env={"FLEET_MANIFEST": "."}),
    Start(
        "a bad value",
        ("fleet.toml", "queues.work.lease", "at most 12h", "13h"),
        manifest=_manifest(more='lease = "13h"'),
    ),
    Start(
        "several bad keys",
        ("fleet.toml", "queues.work.pool", "prefork", "gevent", "and 1 more"),
        manifest=_manifest(more='lese = "5m"\npool = "gevent"'),
    ),
    Start("no TOML", ("fleet.toml", "line 1", "TOML"), manifest="name == 1\n"),
    Start(
        "a task module that is not there",
        ("fleet.toml", "imports", "gone.tasks", "ModuleNotFoundError", "gone"),
        manifest=_manifest(imports="gone.tasks"),
    ),
    Start(
        "a task module that needs what is not installed",
        ("imports", "needy", "ModuleNotFoundError", "not_installed_here", "(needy.py:1)"),
        manifest=_manifest(imports="needy"),
        files={"needy.py": "import not_installed_here\n"},
    ),
    Start(
        "a task module with a mistake in it",
        ("imports", "wrong", "SyntaxError"),
        manifest=_manifest(imports="wrong"),
        files={"wrong.py": "def (:\n"},
    ),
    Start(
        "a task module that exits",
        ("imports", "leaving", "SystemExit", "bye (leaving.py:2)"),
        manifest=_manifest(imports="leaving"),
        files={"leaving.py": "\nraise SystemExit('bye')\n"},
    ),
    Start(
        "a module worker of the user's",
        ("worker.py", "hides it", "rename"),
        files={"worker.py": "print('mine')\n"},
    ),
    Start(
        "a package worker with settings of the user's",
        ("worker/__init__.py", "hides it", "rename"),
        files={"worker/__init__.py": "", "worker/settings.py": "def from_manifest(): return {}\n"},
    ),
    Start(
        "a package that is not installed",
        ("celeryconfig", "pydantic", "install"),
        files={"pydantic.py": "raise ModuleNotFoundError(\"No module named 'pydantic'\")\n"},
    ),
)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with one_queue(tmp_path_factory.mktemp("fleet"), concurrency=3, pool="prefork") as found:
        yield found


def _celery(
    fleet: Fleet, folder: Path, start: Start
) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run the command in ``folder``; return how it ended and the actions SQS was asked for."""
    for path, text in start.files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    manifest = start.manifest
    (folder / "fleet.toml").write_text(
        _manifest() if manifest is None else manifest, encoding="utf-8"
    )
    fleet.sqs.reset_calls()
    fleet.sqs.record_calls()
    env = fleet.env(FLEET_MANIFEST="", PYTHONPATH=start.python_path)
    ended = subprocess.run(
        [str(CELERY), "worker", *start.flags],
        cwd=folder,
        env={**env, "PYTHONWARNINGS": "ignore", **start.env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=REFUSED_WITHIN_SECONDS,
        check=False,
    )
    return ended, [call.action for call in fleet.sqs.call_records()]


@pytest.mark.parametrize("start", WRONG, ids=lambda start: start.name.replace(" ", "-"))
def test_a_wrong_start_is_refused_in_one_line(fleet: Fleet, tmp_path: Path, start: Start) -> None:
    ended, asked = _celery(fleet, tmp_path, start)

    assert ended.returncode == 2, ended.stderr
    lines = ended.stderr.strip().splitlines()
    assert len(lines) == 1, ended.stderr
    for part in start.said:
        assert part in lines[0]
    assert "Traceback" not in ended.stdout + ended.stderr
    assert asked == []
    assert fleet.sqs.calls().requests() == 0


def test_a_queue_that_sqs_does_not_have_is_refused_in_one_line(
    fleet: Fleet, tmp_path: Path
) -> None:
    start = Start("another fleet's", ("queue other-work", "not found", "ops queues apply"))
    start = replace(start, manifest=_manifest(name="other"))

    ended, asked = _celery(fleet, tmp_path, start)

    assert ended.returncode == 2, ended.stderr
    (line,) = ended.stderr.strip().splitlines()
    assert all(part in line for part in start.said), line
    assert set(asked) == {"GetQueueUrl"}


def test_the_literal_command_in_a_folder_of_two_files(fleet: Fleet, tmp_path: Path) -> None:
    """The folder holds the manifest and the tasks; nothing else is on the path but this project."""
    (tmp_path / "fleet.toml").write_text((fleet.folder / "fleet.toml").read_text())
    shutil.copy(APP / "e2e_tasks.py", tmp_path)
    worker = fleet.launch(
        *(str(CELERY), "worker", "-Q", "work"),
        folder=tmp_path,
        FLEET_MANIFEST="",
        PYTHONPATH=str(REPOSITORY),
    )

    (key,) = fleet.submit("e2e.nap")
    wait_for(lambda: key in fleet.finished(), "the task's end", worker)
    status = worker.status()
    assert (status["pool"], status["slots"]) == ("prefork", 3)  # as the manifest says
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0, worker.log


def test_flags_win_over_the_manifest(fleet: Fleet) -> None:
    worker = fleet.start("-c", "1", "--time-limit", "2", "--max-tasks-per-child", "1")
    assert (worker.status()["pool"], worker.status()["slots"]) == ("prefork", 1)

    keys = fleet.submit("e2e.nap", count=3)
    (endless,) = fleet.submit("e2e.nap", 600.0)
    wait_for(lambda: set(keys) <= fleet.finished(), "the short tasks' ends", worker)
    pids = {run.pid for run in fleet.runs() if run.key in keys}
    assert len(pids) == 3, "the manifest sets no limit of tasks a child"
    wait_for(lambda: len(fleet.dead_letters()) == 1, "the long task's end at the flag's limit")
    (reason,) = fleet.reasons()
    assert (reason["class"], reason["message"]) == ("TimeLimitExceeded", "ran longer than 2 s")
    (ran,) = [run for run in fleet.runs() if run.key == endless]
    assert ran.ended_at is None
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0, worker.log

    threads = fleet.start("-P", "threads", "-c", "5")
    assert (threads.status()["pool"], threads.status()["slots"]) == ("threads", 5)
    for shown in (
        f"manifest:    {fleet.folder / 'fleet.toml'} (e2e)",
        f"queue:       work: e2e-work at {fleet.server.url}",
        "dead letter: e2e-work-dlq",
        "results:     disabled://",
        "concurrency: 5 slots (threads)",
    ):
        assert f" .> {shown}\n" in threads.log
    # Of what Celery shows on its own, and SQS does not have.
    assert not any(word in threads.log for word in ("exchange", "localhost", "task events"))
    threads.signal(signal.SIGTERM)
    assert threads.wait() == 0, threads.log
