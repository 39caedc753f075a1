"""`ops queues apply` when AWS is not there, refuses, or a person interrupts it: a line, a code."""

import http.client
import json
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.cloud.queues_account import KEYS, Account, moto_server


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture
def account(moto: str, tmp_path: Path) -> Account:
    return Account(moto, tmp_path)


def test_the_region_may_come_from_aws_region(account: Account) -> None:
    account.write("", lease="90s", max_receives="5")
    account.env = {"AWS_REGION": "ap-south-1", "AWS_DEFAULT_REGION": "us-east-2"}
    assert account.apply("--yes").returncode == 0
    assert ":ap-south-1:" in account.queue("mail", "ap-south-1")[1]["QueueArn"]


def test_no_region(account: Account) -> None:
    account.write("", lease="90s", max_receives="5")
    ran = account.apply()
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == (
        "fleet.toml: region: expected an AWS region, got none: "
        'add region = "eu-west-1" or set AWS_REGION\n'
    )


def test_no_credentials(account: Account) -> None:
    account.env = dict.fromkeys(KEYS, "")
    ran = account.apply()
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == (
        f"AWS: reading {account.name}-mail-dlq: Unable to locate credentials: set AWS_PROFILE or "
        "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run aws sso login\n"
    )


def test_an_endpoint_that_nobody_serves(account: Account) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        account.url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    ran = account.apply()
    assert (ran.returncode, ran.stdout) == (1, "")
    (line,) = ran.stderr.splitlines()
    assert f'Could not connect to the endpoint URL: "{account.url}/"' in line
    assert line.endswith("AWS_ENDPOINT_URL_SQS or AWS_ENDPOINT_URL if set")


def test_an_endpoint_that_is_no_url(account: Account) -> None:
    account.url = "localhost"
    ran = account.apply()
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "expected a URL such as http://127.0.0.1:5000: Invalid endpoint" in ran.stderr


@dataclass
class Fault:
    """What the gate answers one action for one queue: an SQS error, or nothing until it opens."""

    action: str
    queue: str
    code: str = ""
    reached: threading.Event = field(default_factory=threading.Event)
    open: threading.Event = field(default_factory=threading.Event)


@contextmanager
def gate(account: Account, fault: Fault) -> Iterator[None]:
    """Stand between `ops` and moto, passing every request on but the one with the fault."""
    moto = account.url.removeprefix("http://")

    class Gate(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            action = self.headers["X-Amz-Target"].rpartition(".")[2]
            if action == fault.action and json.loads(body).get("QueueName") == fault.queue:
                fault.reached.set()
                if not fault.code:
                    fault.open.wait(60)
                    return
                error = {"__type": f"com.amazonaws.sqs#{fault.code}", "message": "no."}
                self.answer(400, json.dumps(error).encode())
                return
            upstream = http.client.HTTPConnection(moto)
            upstream.request("POST", self.path, body, dict(self.headers))
            answer = upstream.getresponse()
            self.answer(answer.status, answer.read(), answer.getheader("x-amzn-query-error"))
            upstream.close()

        def answer(self, status: int, body: bytes, query_error: str | None = None) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("x-amzn-RequestId", "of this gate")
            if query_error is not None:
                self.send_header("x-amzn-query-error", query_error)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Gate)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    account.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield
    finally:
        account.url = f"http://{moto}"
        fault.open.set()
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_name_deleted_less_than_a_minute_ago(account: Account) -> None:
    fault = Fault("CreateQueue", f"{account.name}-mail", "QueueDeletedRecently")
    with gate(account, fault):
        ran = account.apply("--yes")
    assert ran.returncode == 1
    assert ran.stderr.splitlines() == [
        f"AWS: creating {account.name}-mail: a queue of this name was deleted less than 60 s ago: "
        "wait a minute and run it again (SQS keeps the name for 60 s)",
        f"done before that: {account.name}-mail-dlq created, {account.name}-video-dlq created: "
        "run it again for the rest",
    ]
    assert account.apply("--yes").returncode == 0
    assert account.names() == ["delayed", "delayed-dlq", "mail", "mail-dlq", "video", "video-dlq"]


def test_access_denied_is_not_taken_for_an_absent_queue(account: Account) -> None:
    fault = Fault("GetQueueUrl", f"{account.name}-mail", "AccessDeniedException")
    with gate(account, fault):
        ran = account.apply("--yes")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == (
        f"AWS: reading {account.name}-mail: access denied: no: "
        "allow sqs:GetQueueUrl for these credentials\n"
    )
    assert account.names() == []


@pytest.mark.parametrize(
    ("action", "queue", "expected"),
    [
        (
            "GetQueueUrl",
            "mail",
            ["interrupted while reading {fleet}-mail: nothing was changed"],
        ),
        (
            "CreateQueue",
            "mail-dlq",
            [
                "interrupted while creating {fleet}-mail-dlq, which may or may not have happened",
                "nothing had been changed before that",
            ],
        ),
        (
            "CreateQueue",
            "video-dlq",
            [
                "interrupted while creating {fleet}-video-dlq, which may or may not have happened",
                "done before that: {fleet}-mail-dlq created: run it again for the rest",
            ],
        ),
    ],
)
def test_ctrl_c_says_what_was_done(
    action: str, queue: str, expected: list[str], account: Account
) -> None:
    fault = Fault(action, f"{account.name}-{queue}")
    with (
        gate(account, fault),
        subprocess.Popen(
            **account.command("--yes"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as ops,
    ):
        assert fault.reached.wait(30)
        ops.send_signal(signal.SIGINT)
        _, talk = ops.communicate(timeout=30)
    assert ops.returncode == 130
    assert talk.splitlines() == [line.format(fleet=account.name) for line in expected]


def test_long_work_says_how_far_it_is(account: Account) -> None:
    fault = Fault("GetQueueUrl", f"{account.name}-video-dlq")
    with (
        gate(account, fault),
        subprocess.Popen(
            **account.command(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as ops,
    ):
        assert fault.reached.wait(30)
        with pytest.raises(subprocess.TimeoutExpired):
            ops.wait(2.1)
        fault.action = "none from here on"
        fault.open.set()
        _, talk = ops.communicate(timeout=30)
    assert ops.returncode == 3
    assert f"reading queues: 2 of 6 done, now {account.name}-mail\n" in talk
