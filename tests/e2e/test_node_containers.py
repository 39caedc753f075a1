"""Containers share a folder and no process table: a worker's id says nothing to the agent."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ops.node.local import Worker, workers
from tests.e2e.fleet import REPOSITORY, wait_for

#: A worker's socket under the id that its process has where it runs, which it says.
LISTENS = """
import os, signal, sys
from pathlib import Path
from worker import control
folder = Path(sys.argv[1])
control.serve(folder / f"media-video-{os.getpid()}.sock", lambda order: None, lambda: {})
print(os.getpid(), flush=True)
signal.pause()
"""


def _apart(*words: str) -> list[str]:
    return ["unshare", "--pid", "--fork", "--kill-child", *words]


@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs unshare(1)")
def test_a_worker_of_another_process_table_is_found_until_it_has_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if subprocess.run(_apart("true"), capture_output=True, check=False).returncode:
        pytest.skip("may not make a process table")
    monkeypatch.setenv("FLEET_RUNTIME_DIR", str(tmp_path))
    process = subprocess.Popen(
        _apart(sys.executable, "-c", LISTENS, str(tmp_path)),
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "1\n"
        path = tmp_path / "media-video-1.sock"
        assert workers() == [Worker(path, "media-video", 1)]
        # Here its id is another's, who lives: that is no reason to take it for alive.
        process.kill()
        process.wait()
        wait_for(lambda: not workers(), "its end")
        assert not path.exists()
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
