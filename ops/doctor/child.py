"""The process in which the application is loaded: `python -m ops.doctor.child FD [APP]`.

An application's import may print, start threads, change signal handlers or leave the interpreter:
in a process of its own none of that touches `ops`. What it prints goes to stderr; the facts go to
the pipe FD, as JSON.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import worker
from ops.doctor.answer import Answer, written
from ops.doctor.collect import collect, taken
from ops.doctor.load import CannotLoad, load, unreadable
from ops.doctor.snapshot import Application


def main() -> None:
    """Load the application, answer, and leave without waiting for threads of its own."""
    pipe, asked = int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None
    os.set_inheritable(pipe, False)
    folder = Path.cwd().resolve()
    # Ours are imported already, so that the application's folder cannot hide them; with it on
    # the path, the rest is found as a worker finds it.
    home = Path(str(worker.__file__)).resolve().parent.parent
    hidden = taken(folder, home)
    sys.path.insert(0, str(folder))
    try:
        answer = Answer(application=_facts(asked, folder, home))
    except CannotLoad as error:
        hides = "".join(f" (its {file} is hidden by ours: rename it)" for file in hidden.values())
        answer = Answer(error=f"{error}{hides}")
    except KeyboardInterrupt:
        os._exit(130)
    with os.fdopen(pipe, "wb") as out:
        out.write(written(answer))
    sys.stdout.flush()
    os._exit(0)


def _facts(asked: str | None, folder: Path, home: Path) -> Application:
    app = load(asked, folder)
    try:
        return collect(app, folder, home)
    except Exception as error:  # Celery reads most settings when they are used, and so late
        raise unreadable(asked, error) from error


if __name__ == "__main__":
    main()
