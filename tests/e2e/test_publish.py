"""Tasks published in bulk: run by stock workers and ours, read by plain boto3, and interrupted."""

from __future__ import annotations

import base64
import json
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.fleet import PATIENCE_SECONDS, Fleet, one_queue, wait_for
from tests.sqs import Fault
from worker.sqs.sender import THREADS

COMMAND = (sys.executable, "-W", "ignore", "-m", "ops", "tasks", "publish", "e2e.nap")

APP = """
import sys
from celery import Celery, group, signature
from worker import publish

app = Celery("producer")
app.config_from_object("celeryconfig")
"""


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    with one_queue(tmp_path) as one:
        yield one


def python(fleet: Fleet, script: str, **env: str) -> subprocess.Popen[str]:
    """Start a producer of the fleet's."""
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", APP + script],
        env=fleet.env(**env),
        cwd=fleet.folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Wait for a producer, and return its exit status and what it wrote."""
    stdout, stderr = process.communicate(timeout=PATIENCE_SECONDS)
    return process.returncode, stdout, stderr


def lines(fleet: Fleet, count: int) -> Path:
    """Write a file of calls of ``e2e.nap``, each with a key of its own."""
    path = fleet.folder / "calls.jsonl"
    path.write_text("".join(f'["key-{i}"]\n' for i in range(count)))
    return path


def publishing(fleet: Fleet, path: Path, *flags: str) -> subprocess.Popen[str]:
    """Start ``ops tasks publish``."""
    return subprocess.Popen(
        [*COMMAND, "--from", str(path), *flags],
        env=fleet.env(),
        cwd=fleet.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def keys(fleet: Fleet) -> Counter[str]:
    """Count the keys of what lies in the queue, as a program without Celery would read it."""
    found: Counter[str] = Counter()
    for message in fleet.sqs.peek(fleet.queue_name):
        envelope = json.loads(base64.b64decode(message.body))
        args, _, _ = json.loads(base64.b64decode(envelope["body"]))
        found[args[0]] += 1
    return found


# -- who reads it ----------------------------------------------------------------------------------


def test_ours_and_stock_workers_run_it(fleet: Fleet) -> None:
    path = lines(fleet, 300)
    every = {f"key-{i}" for i in range(300)}

    assert fleet.ops("tasks", "publish", "e2e.nap", "--from", str(path)).returncode == 0
    ours = fleet.start()
    wait_for(lambda: fleet.finished() == every and fleet.empty(), "ours to run all", ours)
    ours.signal(signal.SIGTERM)
    ours.wait()
    assert fleet.run_counts() == Counter(every)

    assert fleet.ops("tasks", "publish", "e2e.nap", "--from", str(path)).returncode == 0
    stock = fleet.launch_stock("-c", "2")
    twice = Counter(dict.fromkeys(every, 2))
    wait_for(lambda: fleet.run_counts() == twice and fleet.empty(), "stock to run all", stock)


def test_plain_boto3_reads_it(fleet: Fleet) -> None:
    script = 'print(publish.bulk("e2e.nap", [("a",), {"key": "b"}], app=app, priority=3).sent)'
    assert end(python(fleet, script)) == (0, "2\n", "")
    client = fleet.client
    url = client.get_queue_url(QueueName=fleet.queue_name)["QueueUrl"]
    received = client.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    found: dict[str, Any] = {}
    for message in received:
        envelope = json.loads(base64.b64decode(message["Body"]))
        assert envelope["headers"]["task"] == "e2e.nap"
        assert envelope["properties"]["priority"] == 3
        args, kwargs, embed = json.loads(base64.b64decode(envelope["body"]))
        assert embed == {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
        found[envelope["headers"]["argsrepr"]] = args, kwargs
    assert found == {"('a',)": (["a"], {}), "()": ([], {"key": "b"})}


def test_a_group_published_in_batches_gives_its_results(fleet: Fleet) -> None:
    backend = f"file://{fleet.folder}/results"
    (fleet.folder / "results").mkdir()
    script = """
naps = group(signature("e2e.nap", (f"key-{i}",), app=app) for i in range(25))
with publish.batching(app) as producer:
    result = naps.apply_async(producer=producer)
print(result.join(timeout=60))
"""
    worker = fleet.start(CELERY_RESULT_BACKEND=backend)
    process = python(fleet, script, CELERY_RESULT_BACKEND=backend)
    assert end(process) == (0, f"{[None] * 25}\n", "")
    assert fleet.sqs.calls().requests("SendMessageBatch") == 3
    assert fleet.run_counts() == Counter(f"key-{i}" for i in range(25)), worker.log


# -- Ctrl-C ----------------------------------------------------------------------------------------


def test_an_interrupted_command_says_what_was_sent_and_goes_on_from_there(fleet: Fleet) -> None:
    path = lines(fleet, 5000)
    fleet.sqs.delay(0.05)
    process = publishing(fleet, path)
    wait_for(lambda: fleet.counts().sent > 300, "some to be sent")
    process.send_signal(signal.SIGINT)
    status, stdout, stderr = end(process)
    assert (status, stdout) == (130, "")
    said = re.search(r"^(\d+) sent; go on with --skip (\d+)$", stderr, re.M)
    assert said, stderr
    assert int(said[1]) == int(said[2]) == fleet.counts().sent < 5000
    fleet.sqs.delay(0)
    rest = fleet.ops("tasks", "publish", "e2e.nap", "--from", str(path), "--skip", said[2])
    assert rest.stdout == f"e2e.nap: {5000 - int(said[1])} sent, 0 refused, to queue work\n"
    assert keys(fleet) == Counter(f"key-{i}" for i in range(5000))


def test_an_interrupt_reaches_an_iterable_that_waits(fleet: Fleet) -> None:
    script = """
import time
def rows():
    for i in range(25):
        yield (f"key-{i}",)
    time.sleep(600)
try:
    publish.bulk("e2e.nap", rows(), app=app)
except KeyboardInterrupt as interrupted:
    print(interrupted.report)
"""
    process = python(fleet, script)
    wait_for(lambda: fleet.counts().sent == 20, "two batches to be sent")
    process.send_signal(signal.SIGINT)
    assert end(process) == (0, "25 sent, go on at item 25\n", "")
    assert fleet.counts().sent == 25


def test_a_second_interrupt_leaves_at_once_and_says_what_is_not_known(fleet: Fleet) -> None:
    fleet.sqs.add_fault(Fault("silent", actions=("SendMessageBatch",)))
    process = publishing(fleet, lines(fleet, 5000), "--json")
    wait_for(lambda: fleet.sqs.calls().requests("SendMessageBatch") >= 1, "a send under way")
    process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)  # the first waits for what is under way
    process.send_signal(signal.SIGINT)
    status, stdout, stderr = end(process)
    report = json.loads(stdout)
    assert (status, report["sent"]) == (130, 0)
    assert report["unconfirmed"] == list(range(1, report["skip"] + 1))
    assert fleet.sqs.calls().requests("SendMessageBatch") <= THREADS  # nothing was sent again
    assert f"sed -n '1,{report['skip']}p' {fleet.folder}/calls.jsonl | ops tasks" in stderr


# -- the command's mistakes ------------------------------------------------------------------------


def test_a_wrong_line_is_named_before_anything_is_sent(fleet: Fleet) -> None:
    path = fleet.folder / "wrong.jsonl"
    for text, said in (
        ('["a"]\n["b"\n', ":2: expected a JSON array of arguments or object of keyword argum"),
        ('["a"]\n\n["b"]\n', ":2: expected a JSON array of arguments or object of keyword argum"),
        ('["a"]\n"b"\n', ":2: expected a JSON array of arguments or object of keyword arguments, "),
        ('["a"]\n{"*": 1}\n', ':2: expected an array under "*", found a number: write one call'),
        ("[NaN]\n", ":1: expected a JSON array of arguments or object of keyword arguments, found"),
    ):
        path.write_text(text)
        ran = fleet.ops("tasks", "publish", "e2e.nap", "--from", str(path))
        assert (ran.returncode, ran.stdout) == (2, "")
        assert f"{path}{said}" in ran.stderr
        assert len(ran.stderr.splitlines()) == 1
    assert fleet.counts().sent == 0


def test_a_wrong_line_of_a_pipe_is_said_with_what_was_sent(fleet: Fleet) -> None:
    ran = subprocess.run(
        [*COMMAND, "--from", "-"],
        env=fleet.env(),
        input="".join(f'{{"*": ["key-{i}"], "seconds": 0}}\n' for i in range(12)) + "nothing\n",
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "standard input:13: expected a JSON array" in ran.stderr
    assert "12 sent; go on with --skip 12" in ran.stderr
    assert keys(fleet) == Counter(f"key-{i}" for i in range(12))


def test_what_cannot_be_published_is_said_in_one_line(fleet: Fleet) -> None:
    path = lines(fleet, 3)
    for name, flags, said in (
        ("nobody.has.it", (), "expected one whose tasks match nobody.has.it, found none"),
        ("e2e.nap", ("--queue", "wrok"), "--queue: expected one of work, got wrok"),
        ("e2e.nap", ("--eta", "tomorrow"), "--eta: expected a time with its zone"),
        ("e2e.nap", ("--eta", "2026-11-21T18:00:00"), "--eta: expected a time with its zone"),
        ("e2e.nap", ("--eta", "2926-11-21T18:00:00Z"), "expected"),
    ):
        ran = fleet.ops("tasks", "publish", name, "--from", str(path), *flags)
        assert (ran.returncode, ran.stdout, len(ran.stderr.splitlines())) == (2, "", 1)
        assert said in ran.stderr
    checked = fleet.ops("tasks", "publish", "e2e.nap", "--from", str(path), "--check", "--json")
    assert json.loads(checked.stdout) == {"task": "e2e.nap", "queue": "work", "would_send": 3}
    assert fleet.counts().sent == 0


def test_lines_that_sqs_refuses_are_named(fleet: Fleet) -> None:
    fleet.sqs.add_fault(Fault("entries", entries=2, code="InvalidX", sender_fault=True, calls=1))
    path = lines(fleet, 10)
    ran = fleet.ops("tasks", "publish", "e2e.nap", "--from", str(path), "--countdown", "60")
    assert (ran.returncode, ran.stdout) == (
        1,
        "e2e.nap: 8 sent, 2 refused, to queue work\n",
    )
    assert f"{path}:1: refused: InvalidX" in ran.stderr
    assert fleet.counts().delayed == 8
