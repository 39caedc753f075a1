"""The local AWS: moto's SQS with many callers at once, and what `ops` and workers ask of it."""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest

from ops.local.aws import local_aws, local_environment

ROOT = Path(__file__).parents[2]
SENT = 150


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with local_aws(tmp_path_factory.mktemp("aws"), lambda: None) as url:
        yield url


def client(url: str) -> Any:
    return boto3.client(
        "sqs",
        endpoint_url=url,
        region_name="eu-west-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )


def send(url: str, queue: str, first: int, count: int) -> None:
    sqs = client(url)
    for number in range(first, first + count):
        sqs.send_message(QueueUrl=queue, MessageBody=str(number))


def receive_and_delete(url: str, queue: str, received: list[str]) -> None:
    sqs = client(url)
    # The last of these calls is made when all is sent: who leaves early here loses nothing.
    while messages := sqs.receive_message(
        QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1
    ).get("Messages"):
        received += [message["Body"] for message in messages]
        sqs.delete_message_batch(
            QueueUrl=queue,
            Entries=[
                {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                for number, message in enumerate(messages)
            ],
        )


def test_many_callers_lose_nothing_and_share_nothing(url: str) -> None:
    attributes = {"VisibilityTimeout": "600"}
    queue = client(url).create_queue(QueueName="many", Attributes=attributes)["QueueUrl"]
    received: list[str] = []
    with ThreadPoolExecutor(6) as callers:
        work = [
            *(callers.submit(send, url, queue, n * SENT // 3, SENT // 3) for n in range(3)),
            *(callers.submit(receive_and_delete, url, queue, received) for _ in range(3)),
        ]
        for one in work:
            one.result()
    receive_and_delete(url, queue, received)
    assert Counter(received) == Counter(str(number) for number in range(SENT))


def test_a_waiting_poll_is_given_what_is_handed_back_or_lapses(url: str) -> None:
    sqs = client(url)
    queue = sqs.create_queue(QueueName="waits")["QueueUrl"]
    sqs.send_message(QueueUrl=queue, MessageBody="one")
    first = sqs.receive_message(QueueUrl=queue, VisibilityTimeout=600)["Messages"][0]
    with ThreadPoolExecutor(1) as callers:
        poll = callers.submit(
            client(url).receive_message, QueueUrl=queue, VisibilityTimeout=1, WaitTimeSeconds=20
        )
        sqs.change_message_visibility(
            QueueUrl=queue, ReceiptHandle=first["ReceiptHandle"], VisibilityTimeout=0
        )
        begun = time.monotonic()
        assert poll.result()["Messages"][0]["Body"] == "one"
        lapsed = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=20)
    assert lapsed["Messages"][0]["Body"] == "one"
    assert time.monotonic() - begun < 10


def test_the_queues_of_a_manifest_are_applied_once(url: str, tmp_path: Path) -> None:
    (tmp_path / "fleet.toml").write_text(
        'name = "once"\nregion = "eu-west-1"\n[queues.q]\ntasks = ["q.*"]\n'
    )

    def apply(*flags: str) -> int:
        return subprocess.run(
            [sys.executable, "-m", "ops", "queues", "apply", *flags],
            env={**local_environment(url), "PYTHONPATH": str(ROOT)},
            cwd=tmp_path,
            check=False,
            capture_output=True,
        ).returncode

    assert apply() == 3
    assert apply("--yes") == 0
    assert apply() == 0


def test_its_environment_leads_nowhere_else() -> None:
    users = {
        "PATH": "/bin",
        "AWS_PROFILE": "prod",
        "AWS_ENDPOINT_URL_SQS": "https://sqs.example",
        "AWS_WEB_IDENTITY_TOKEN_FILE": "/token",
        "https_proxy": "http://proxy.example",
        "CELERY_BROKER_URL": "redis://",
    }
    env = local_environment("http://127.0.0.1:1", users)
    assert env["PATH"] == "/bin"
    assert env["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"
    assert not {"AWS_PROFILE", "AWS_ENDPOINT_URL_SQS", "https_proxy", "CELERY_BROKER_URL"} & set(
        env
    )
