"""A fleet of one queue with S3 and DynamoDB beside it: the local AWS behind a proxy that errs."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from ops.local.aws import local_aws
from tests.e2e.fleet import PATIENCE_SECONDS, Fleet, Worker, one_queue
from tests.faulty import Faulty

BUCKET = "e2e-payloads"


@dataclass
class Stores:
    """The fleet, and the AWS that its workers and producers reach through ``proxy``."""

    fleet: Fleet
    aws_url: str
    proxy: Faulty

    def client(self, service: str) -> Any:
        """Return a client of the test's own, past the proxy."""
        return boto3.client(
            service,
            endpoint_url=self.aws_url,
            region_name="eu-west-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def start(self, *flags: str, **env: str) -> Worker:
        """Start a worker."""
        return self.fleet.start(*flags, AWS_ENDPOINT_URL=self.proxy.url, **env)

    def python(self, code: str, **env: str) -> str:
        """Run a producer's code, with ``app`` and ``t`` (the tasks); return what it printed."""
        before = (
            "from celery import Celery, chain, chord, group\n"
            "app = Celery('producer')\n"
            "app.config_from_object('celeryconfig')\n"
            "app.set_default()\n"
            "import e2e_payloads as t\n"
            "import e2e_tasks\n"
        )
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", before + code],
            env=self.fleet.env(**{"AWS_ENDPOINT_URL": self.proxy.url, **env}),
            cwd=self.fleet.folder,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def ops(self, *args: str) -> subprocess.CompletedProcess[str]:
        """Run ``ops`` as an operator would."""
        return subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "ops", *args],
            env=self.fleet.env(AWS_ENDPOINT_URL=self.proxy.url),
            cwd=self.fleet.folder,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    def objects(self, prefix: str = "payloads/") -> list[str]:
        """Return the keys in the bucket."""
        found = self.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=prefix)
        return [one["Key"] for one in found.get("Contents", ())]

    def records(self) -> list[dict[str, Any]]:
        """Return what tasks have recorded, as it was written."""
        path = self.fleet.runs_path
        return [json.loads(li) for li in path.read_text().splitlines()] if path.exists() else []

    def starts(self, key: str) -> list[dict[str, Any]]:
        """Return the records of the starts of one key's runs."""
        return [li for li in self.records() if li["event"] == "start" and li["key"] == key]


@contextlib.contextmanager
def with_stores(
    folder: Path, top: str = f'payload_bucket = "{BUCKET}"', results: str = "", **table: object
) -> Iterator[Stores]:
    """Run a fleet whose manifest has the keys ``top``, the table ``results``, and a bucket."""
    with (
        one_queue(folder, **table) as fleet,
        local_aws(folder, lambda: None) as url,
        Faulty(url) as proxy,
    ):
        manifest = folder / "fleet.toml"
        text = manifest.read_text().replace('["e2e_tasks"]', '["e2e_tasks", "e2e_payloads"]')
        if results:
            text = text.replace('["e2e.*"]', '["e2e.*", "celery.*"]')
        manifest.write_text(f"{top}\n{text}\n{results}\n")
        stores = Stores(fleet, url, proxy)
        stores.client("s3").create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )
        yield stores
