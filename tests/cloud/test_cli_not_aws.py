"""Commands whose endpoint is not AWS: a proxy's page, a load balancer's word; a line each."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ops.local.aws import local_environment

ROOT = Path(__file__).resolve().parents[2]
PAGE = (200, "text/html", b"<html>please log in</html>")
WORD = (500, "text/plain", b"upstream is not there")
NOTHING = (200, "", b"")
COMMANDS = (
    "queues apply",
    "queues delayed",
    "release show",
    "scaling history export mail --out history.csv",
    "scaling pin mail 3",
    "scaling unpin mail",
    "stack destroy --yes",
    "stack drift",
    "stack plan",
    "stores apply --yes",
    "tasks status 1",
)


@contextmanager
def answering(status: int, kind: str, body: bytes) -> Iterator[str]:
    """Serve one answer to everything; yields the address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            if kind:
                self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = do_PUT = do_DELETE = do_POST  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "fleet.toml").write_text(
        'name = "shop"\nregion = "eu-west-1"\n[results]\nbackend = "dynamodb"\n'
        '[queues.mail]\ntasks = ["mail.*"]\n'
    )
    return tmp_path


def ops(folder: Path, url: str, command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ops", *command.split()],
        cwd=folder,
        env={**local_environment(url), "PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_a_page_is_no_answer_of_awss_and_no_write_is_done_by_it(folder: Path, command: str) -> None:
    with answering(*PAGE) as url:
        ran = ops(folder, url, command)
    assert (ran.returncode, ran.stdout) == (1, "")
    (line,) = ran.stderr.splitlines()
    assert line.startswith("AWS: ")
    assert (
        "expected an answer of AWS's, got a part of one, or another's (a proxy's?): run it" in line
    )
    assert line.endswith("AWS_ENDPOINT_URL if set")


@pytest.mark.parametrize(
    "command", ["stack plan", "queues apply", "release show", "scaling pin mail 3"]
)
def test_a_word_that_is_not_awss_is_told_with_what_helps(folder: Path, command: str) -> None:
    with answering(*WORD) as url:
        ran = ops(folder, url, command)
    assert (ran.returncode, ran.stdout) == (1, "")
    (line,) = [each for each in ran.stderr.splitlines() if ": waiting for " not in each]
    assert line.startswith("AWS: ")
    assert "expected an answer of AWS's, got " in line
    assert line.endswith("AWS_ENDPOINT_URL if set")


def test_an_empty_answer_pins_nothing(folder: Path) -> None:
    with answering(*NOTHING) as url:
        ran = ops(folder, url, "scaling pin mail 3")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "expected an answer of AWS's" in ran.stderr
