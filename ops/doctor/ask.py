"""Load the application in a process of its own, and take its facts."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import IO, Final

from ops.doctor.answer import read
from ops.doctor.snapshot import Application
from ops.errors import Exit, OpsError
from worker.children import die_with_parent

#: A thousand tasks are some 600 KB.
_ANSWER_AT_MOST_BYTES: Final = 64 << 20


def ask(asked: str | None) -> Application:
    """Return the application that `--app` names. Raises OpsError (usage) where it does not load.

    What it prints meanwhile goes to stderr.
    """
    incoming, outgoing = os.pipe()
    with os.fdopen(incoming, "rb") as answers:
        try:
            child = subprocess.Popen(
                # -P: the application's folder must not hide our packages.
                [sys.executable, "-P", "-m", "ops.doctor.child", str(outgoing)]
                + ([] if asked is None else [asked]),
                stdin=subprocess.DEVNULL,
                stdout=sys.stderr,
                pass_fds=(outgoing,),
                # Ctrl-C is ours to answer, and then the child ends without a word.
                start_new_session=True,
                preexec_fn=die_with_parent(),  # noqa: PLW1509  # ops has one thread
            )
        finally:
            os.close(outgoing)
        try:
            text = _read(answers)
        finally:
            child.kill()
            code = child.wait()
    return _application(asked, text, code)


def _read(answers: IO[bytes]) -> bytes:
    return answers.read(_ANSWER_AT_MOST_BYTES)


def _application(asked: str | None, text: bytes, code: int) -> Application:
    name = "celeryconfig" if asked is None else f"--app {asked}"
    if not text:
        raise OpsError(
            f"{name}: expected the application to load, but it ended the process "
            f"(status {code}): remove what ends it at import",
            Exit.USAGE,
        )
    try:
        answer = read(text)
    except ValueError as error:
        raise OpsError(f"{name}: its facts cannot be read: {error}") from error
    if answer.application is None:
        raise OpsError(answer.error, Exit.USAGE)
    return answer.application
