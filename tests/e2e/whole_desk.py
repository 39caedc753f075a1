"""A folder with a manifest, and `ops` run in it against a local AWS of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import boto3

from tests.e2e.fleet import REPOSITORY

REGION = "eu-west-1"
#: A machine that does other things too takes a minute to boot a node.
PATIENCE_SECONDS = 240.0

T = TypeVar("T")


def until(
    what: str,
    look: Callable[[], T | None],
    seconds: float = PATIENCE_SECONDS,
    else_: Callable[[], object] = str,
) -> T:
    """Return what `look` finds as soon as it is true; where it never is, `else_` is told."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"not in {seconds:.0f} s: {what}: {found!r}\n{else_()}"
        time.sleep(0.2)
    return found


@dataclass
class Desk:
    """A folder, and the environment that leads its commands to the local AWS once that is up."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict)

    @property
    def manifest(self) -> Path:
        return self.folder / "fleet.toml"

    @property
    def state(self) -> Path:
        return self.folder / ".fleet-local"

    def command(self, *args: str) -> list[str]:
        return [sys.executable, "-m", "ops", *args]

    def environ(self) -> dict[str, str]:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("FLEET_", "AWS_"))}
        return {**clean, "PYTHONPATH": str(REPOSITORY), **self.env}

    def ops(
        self, *args: str, code: int = 0, given: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run `ops` and hold it to its exit code."""
        done = subprocess.run(
            self.command(*args),
            cwd=self.folder,
            env=self.environ(),
            input=given,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode == code, (args, done.stdout[-2000:], done.stderr)
        return done

    def json(self, *args: str, code: int = 0) -> Any:
        return json.loads(self.ops(*args, "--json", code=code).stdout)

    def up(self, *options: str) -> None:
        """Bring the local AWS up, and have every command from here on reach it."""
        self.ops("local", "up", *options)
        self.env = self.json("local", "env")

    def client(self, service: Any) -> Any:
        """A client of an operator, for what a test looks up or does as AWS's console would."""
        return boto3.client(
            service,
            endpoint_url=self.env["AWS_ENDPOINT_URL"],
            region_name=REGION,
            aws_access_key_id="local",
            aws_secret_access_key="local",
        )
