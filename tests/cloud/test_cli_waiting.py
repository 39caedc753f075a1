"""Commands whose AWS is reached and says nothing: each says within seconds what it waits for."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ops.local.aws import local_environment

ROOT = Path(__file__).resolve().parents[2]
#: Before this no call has run into its timeout, and no command is at its end.
_TALKS_WITHIN_SECONDS = 40.0
STACKS = "AWS: the stacks that are there"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "fleet.toml").write_text(
        'name = "shop"\nregion = "eu-west-1"\n[results]\nbackend = "dynamodb"\n'
        '[queues.mail]\ntasks = ["mail.*"]\n'
        '[schedules.nightly]\ntask = "mail.digest"\ncron = "0 2 * * *"\ntimezone = "UTC"\n'
    )
    return tmp_path


@contextmanager
def silent() -> Iterator[str]:
    """A port that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@contextmanager
def hanging_up() -> Iterator[tuple[str, list[int]]]:
    """A port that ends each connection unanswered; yields its address and the connections."""
    taken: list[int] = []
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:

        def serve() -> None:
            while True:
                connection, (_, port) = listening.accept()
                if not connection.recv(1):
                    return
                taken.append(port)
                connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}", taken
        finally:
            socket.create_connection(listening.getsockname()).close()
            thread.join()


def ops(folder: Path, url: str, command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "ops", *command.split()],
        cwd=folder,
        env={**local_environment(url), "PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("queues apply", "reading queues: 0 of 4 done, now shop-mail-dlq"),
        ("queues delayed", "counting: 0 of 3 done, now shop-delayed"),
        ("stores apply", "reading stores: 0 of 4 done, now shop-once"),
        ("stores show", "reading stores: 0 of 4 done, now shop-once"),
        (
            "schedules apply --role-arn arn:aws:iam::123456789012:role/sends",
            "reading: 0 of 4 done, now shop-mail",
        ),
        ("release show", "release: waiting for STS"),
        ("release put --dirty", "release: waiting for STS"),
        ("stack plan", f"stacks: waiting for {STACKS}, and what nodes may be made of"),
        ("stack apply --yes", f"stacks: waiting for {STACKS}, and what nodes may be made of"),
        ("stack drift", f"stacks: waiting for {STACKS}"),
        ("stack destroy --yes", f"destroy: waiting for {STACKS}, and what they hold"),
        ("tasks status 1", "status: waiting for where results are kept"),
        ("scaling predictive", "predictive: waiting for AWS: the groups that are there"),
        ("scaling pin mail 1", "pin: waiting for the registry in DynamoDB"),
    ],
)
def test_what_waits_says_for_what(folder: Path, command: str, said: str) -> None:
    with silent() as url:
        process = ops(folder, url, command)
        late = threading.Timer(_TALKS_WITHIN_SECONDS, process.kill)
        late.start()
        try:
            assert process.stderr is not None
            first = process.stderr.readline()
        finally:
            late.cancel()
            process.kill()
            process.communicate()
    assert first == f"{said}\n"


def test_silence_is_asked_three_times_also_where_refusals_are_asked_ten(folder: Path) -> None:
    with hanging_up() as (url, taken):
        process = ops(folder, url, "stack drift")
        _, talk = process.communicate(timeout=120)
    assert process.returncode == 1
    assert talk.splitlines()[-1].startswith("AWS: reading the stacks: Connection was closed before")
    assert len(taken) == 3
