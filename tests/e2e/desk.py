"""A folder with a manifest, and `ops local` run in it, for the tests of the local fleet."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cloud.machines import Fleet

ROOT = Path(__file__).parents[2]
MANIFEST = 'name = "desk"\nregion = "eu-west-1"\n[queues.q]\ntasks = ["q.*"]\n'


@dataclass
class Desk:
    """A folder with a manifest, and `ops` run in it."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict)

    @property
    def state(self) -> Path:
        return self.folder / ".fleet-local"

    def command(self, *args: str) -> list[str]:
        return [sys.executable, "-m", "ops", "local", *args]

    def environ(self) -> dict[str, str]:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("FLEET_", "AWS_"))}
        return {**clean, "PYTHONPATH": str(ROOT), **self.env}

    def ops(self, *args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*args),
            cwd=self.folder,
            env=self.environ(),
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )

    def ok(self, *args: str) -> str:
        done = self.ops(*args)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def json(self, *args: str) -> Any:
        return json.loads(self.ok(*args, "--json"))

    def fleet(self) -> Fleet:
        return Fleet(self.json("status")["url"], self.state)


@contextmanager
def opened(folder: Path) -> Iterator[Desk]:
    (folder / "fleet.toml").write_text(MANIFEST)
    desk = Desk(folder)
    try:
        yield desk
    finally:
        desk.ops("down")
