"""A fleet of its own on a moto server, for the tests of `ops queues apply`."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer
from moto.sqs.models import Queue as MotoQueue

from tests.talk import without_waiting

ROOT = Path(__file__).parents[2]
REGION = "eu-west-1"
KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
FLEETS = count(1)


@contextmanager
def moto_server() -> Iterator[str]:
    """Run a moto server whose SQS also tells a queue's RedriveAllowPolicy.

    Yields its URL. moto 5.2 accepts that attribute and keeps it, but leaves it out of its answers.
    """
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with pytest.MonkeyPatch.context() as mend:
        attribute = "RedriveAllowPolicy"
        mend.setattr(MotoQueue, "redrive_allow_policy", None, raising=False)
        if attribute not in MotoQueue.BASE_ATTRIBUTES:
            mend.setattr(MotoQueue, "BASE_ATTRIBUTES", [*MotoQueue.BASE_ATTRIBUTES, attribute])
        server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        try:
            yield f"http://{host}:{port}"
        finally:
            server.stop()


@dataclass
class Account:
    """A manifest of its own fleet, and the AWS it is applied to."""

    url: str
    folder: Path
    name: str = field(default_factory=lambda: f"fleet{next(FLEETS)}")
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.write(f'region = "{REGION}"', lease="90s", max_receives="5")

    def write(self, header: str, *, lease: str, max_receives: str) -> None:
        (self.folder / "fleet.toml").write_text(
            f'name = "{self.name}"\n{header}\n'
            f'[queues.mail]\ntasks = ["mail.*"]\nlease = "{lease}"\n'
            f"max_receives = {max_receives}\n"
            '[queues.video]\ntasks = ["video.*"]\npoll = "10s"\nretention = "2d"\n'
        )

    def command(self, *args: str) -> dict[str, Any]:
        """The arguments of subprocess for `ops queues apply`, blind to this machine's AWS."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "FLEET_"))}
        own = {
            "AWS_ENDPOINT_URL_SQS": self.url,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "PYTHONPATH": str(ROOT),
        }
        return {
            "args": [sys.executable, "-m", "ops", "queues", "apply", *args],
            "cwd": self.folder,
            "env": {**kept, **own, **KEYS, **self.env},
            "text": True,
        }

    def apply(self, *args: str) -> subprocess.CompletedProcess[str]:
        ran = subprocess.run(**self.command(*args), capture_output=True, timeout=60, check=False)
        assert "Traceback" not in ran.stderr
        return without_waiting(ran)

    def changes(self) -> list[tuple[str, str, str | None, str]]:
        """What a plan would change: queue without the fleet's name, what, from, to."""
        ran = self.apply("--json")
        data = json.loads(ran.stdout)
        assert data["applied"] is False
        assert ran.returncode == (3 if data["changes"] else 0)
        return [
            (c["queue"].removeprefix(f"{self.name}-"), c["what"], c["from"], c["to"])
            for c in data["changes"]
        ]

    def client(self, region: str = REGION) -> Any:
        return boto3.client(
            "sqs",
            region_name=region,
            endpoint_url=self.url,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )

    def queue(self, name: str, region: str = REGION) -> tuple[str, dict[str, str], dict[str, str]]:
        """URL, attributes and tags of one queue of the fleet."""
        sqs = self.client(region)
        url = sqs.get_queue_url(QueueName=f"{self.name}-{name}")["QueueUrl"]
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return url, attributes, sqs.list_queue_tags(QueueUrl=url).get("Tags", {})

    def names(self) -> list[str]:
        urls = self.client().list_queues(QueueNamePrefix=self.name).get("QueueUrls", [])
        return sorted(url.rpartition("/")[2].removeprefix(f"{self.name}-") for url in urls)
