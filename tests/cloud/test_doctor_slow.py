"""`ops doctor` on an application whose import takes long."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.cloud.test_doctor import environment

SLOW = """
import pathlib, time
while not pathlib.Path("on").exists():
    time.sleep(0.05)
import celery
app = celery.Celery("slow", broker="sqs://")
"""


def test_it_says_what_it_imports(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    asked = subprocess.Popen(
        [sys.executable, "-m", "ops", "doctor", "--offline", "--app", "slow:app"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert asked.stderr is not None
    try:
        # The import goes on only then.
        assert asked.stderr.readline() == "doctor: waiting for the import of slow\n"
        (tmp_path / "on").touch()
        _, said = asked.communicate(timeout=60)
    finally:
        asked.kill()
        asked.wait()
    assert "slow: " in said
