"""Starting a machine's process, which ends with the thread that started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from worker.children import die_with_parent

_ROOT: Final = Path(__file__).resolve().parents[2]


def spawn(folder: Path, module: str, words: Sequence[str]) -> subprocess.Popen[bytes] | None:
    """Start a module of ours in a machine's folder and a session of its own.

    None where it cannot be started, which machine.out in that folder says.
    """
    try:
        with (folder / "machine.out").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", module, *words],
                env={**os.environ, "PYTHONPATH": str(_ROOT)},
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_tied(),  # noqa: PLW1509  # takes no lock
            )
    except (OSError, subprocess.SubprocessError) as error:
        (folder / "machine.out").write_text(f"it could not be started: {error}\n")
        return None


def _tied() -> Callable[[], None]:
    tie = die_with_parent()

    def begin() -> None:
        tie()
        # The server's threads leave signals to its main one; a machine is to take its own.
        signal.pthread_sigmask(signal.SIG_SETMASK, ())

    return begin
