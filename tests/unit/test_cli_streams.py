"""`ops` with its stdin, stdout and stderr closed, full, or read by nobody: real processes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FULL = "expected to write the result, found No space left on device: write it elsewhere\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "fleet.toml").write_text('name = "shop"\n[queues.mail]\ntasks = ["mail.*"]\n')
    return tmp_path


def sh(folder: Path, command: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a line of shell, in which `ops` is ours."""
    script = f'ops() {{ "{sys.executable}" -m ops "$@"; }}\n{command}'
    return subprocess.run(
        ["/bin/sh", "-c", script],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "command",
    [
        "ops manifest show >&-",
        "ops manifest show --json >&-",
        "ops manifest show <&- >&- 2>&-",
        "ops --help >&-",
    ],
)
def test_what_is_closed_is_written_nothing_to(folder: Path, command: str) -> None:
    ran = sh(folder, command)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


@pytest.mark.parametrize("command", ["manifest show", "manifest show --json", "--help"])
def test_a_result_that_cannot_be_written_is_a_line_and_a_failure(
    folder: Path, command: str
) -> None:
    ran = sh(folder, f"ops {command} >/dev/full")
    assert (ran.returncode, ran.stderr) == (1, FULL)


def test_talk_that_cannot_be_written_stops_nothing(folder: Path) -> None:
    ran = sh(folder, "ops nonsense 2>/dev/full")
    assert ran.returncode == 2
    ran = sh(folder, "ops manifest show >/dev/full 2>/dev/full")
    assert ran.returncode == 1


def test_a_reader_who_has_seen_enough_is_told_nothing(folder: Path) -> None:
    ran = sh(folder, "{ ops manifest schema; echo $? >&2; } | exec 0<&-")
    assert ran.stderr == "1\n"


def test_without_stdin_a_question_is_a_usage_error(folder: Path) -> None:
    lines = sh(folder, "ops tasks publish mail.send --from - --check <&-")
    assert (lines.returncode, lines.stderr) == (0, "")
    assert "would send 0" in lines.stdout


def test_a_defect_is_a_line_and_with_a_variable_a_traceback(folder: Path) -> None:
    broken = folder / "broken"
    broken.mkdir()
    (broken / "tomllib.py").write_text(
        "loads = load = lambda *_: 1 // 0\nTOMLDecodeError = ValueError\n"
    )
    path = f"{broken}:{ROOT}"
    ran = sh(folder, "ops manifest show", PYTHONPATH=path)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert re.fullmatch(
        r"ops failed: ZeroDivisionError at worker/manifest/\w+\.py:\d+: integer division or modulo "
        r"by zero: nobody has foreseen that: run it again with OPS_DEBUG=1 for the traceback, and "
        r"report it\n",
        ran.stderr,
    )
    told = sh(folder, "ops manifest show", PYTHONPATH=path, OPS_DEBUG="1")
    assert told.returncode == 1
    assert told.stderr.startswith("Traceback")
