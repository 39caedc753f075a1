"""``python -m tests.sqs``."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from tests.sqs import Control, Fault, StrictSqsProcess
from tests.sqs.callers import code_of, make_client, name_of, new_queue, receive, send_all

COMMAND = [sys.executable, "-m", "tests.sqs"]


def test_the_process_serves_and_is_controlled() -> None:
    fault = '{"kind": "error", "code": "OverLimit", "actions": ["ReceiveMessage"], "calls": 1}'
    arguments = ("--delay-ms", "20", "--fault", fault, "--expired-access-key", "AKIDOLD")
    with StrictSqsProcess(*arguments, "--record-calls") as server:
        sqs = make_client(server.url)
        url = new_queue(sqs)
        send_all(sqs, url, "x")
        with pytest.raises(ClientError) as raised:
            receive(sqs, url)
        assert code_of(raised) == "OverLimit"
        with pytest.raises(ClientError) as raised:
            receive(make_client(server.url, access_key_id="AKIDOLD"), url)
        assert code_of(raised) == "ExpiredToken"
        server.control.advance(60)
        server.control.add_fault(Fault("status", status=503, actions=("SendMessage",)))
        assert server.control.counts(name_of(url)).visible == 1
        assert all(record.seconds >= 0.02 for record in server.control.call_records())
        pid = server.pid
    assert not psutil.pid_exists(pid)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order_with_a_poll_open(number: signal.Signals) -> None:
    process = subprocess.Popen(COMMAND, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        word, url = process.stdout.readline().split()
        assert word == "ready"
        assert url.startswith("http://127.0.0.1:")
        sqs = make_client(url)
        queue = new_queue(sqs)
        with ThreadPoolExecutor() as threads:
            waiting = threads.submit(receive, sqs, queue, WaitTimeSeconds=20)
            control = Control(url)
            control.wait_for(name_of(queue), lambda counts: counts.open_polls == 1)
            control.close()
            process.send_signal(number)
            assert process.wait(10) == 0
            with pytest.raises(ConnectionClosedError):
                waiting.result(10)
        assert process.stdout.read() == ""
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def test_it_ends_with_its_parent() -> None:
    code = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-m', 'tests.sqs'], stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\n"
        "print(child.pid, flush=True)\n"
    )
    parent = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    pid = int(parent.stdout)
    deadline = time.monotonic() + 10
    try:
        while _is_running(pid):
            assert time.monotonic() < deadline, "still there"
            time.sleep(0.02)
    finally:
        if _is_running(pid):
            os.kill(pid, signal.SIGKILL)


def _is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--port", "70000"], "70000: expected 0 to 65535"),
        (["--fault", "{}"], "expected a kind"),
        (["--fault", '{"kind": "silent", "colour": 1}'], "unknown key colour"),
        (["--fault", "nonsense"], "nonsense"),
    ],
)
def test_a_wrong_flag_is_explained(arguments: list[str], said: str) -> None:
    ended = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_port_in_use_is_explained() -> None:
    with StrictSqsProcess() as server:
        port = server.url.rpartition(":")[2]
        ended = subprocess.run(
            [*COMMAND, "--port", port], capture_output=True, text=True, check=False
        )
    assert ended.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in ended.stderr
    assert "Traceback" not in ended.stderr
