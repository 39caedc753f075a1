"""A machine's processes: each in a session of its own, and none outlives the machine."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NoReturn

from worker.children import die_with_parent

# "Process Exit Codes" in systemd.exec(5).
EXIT_CHDIR: Final = 200
EXIT_EXEC: Final = 203

#: What Python ignores or handles and a program expects as it was.
_DEFAULTS: Final = (
    signal.SIGCHLD,
    signal.SIGINT,
    signal.SIGPIPE,
    signal.SIGTERM,
    signal.SIGXFSZ,
)


@dataclass(frozen=True, slots=True)
class Program:
    """What is to be run, and in what."""

    words: list[str]  # the first is a path
    env: Mapping[str, str]
    folder: str
    stdout: int  # descriptors
    stderr: int
    umask: int = 0o022
    #: variables that are to hold the process's own id
    own_id: tuple[str, ...] = ()


def spawn(program: Program) -> int:
    """Start a program and return its process id, which is also that of its session.

    One that cannot be run ends with systemd's exit code for it, and says why on its stderr. Call
    it from a process's only thread. Raises OSError where there is no room for a process.
    """
    die = die_with_parent()
    # A signal between fork and exec would be noted in the pipe that this process reads.
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        pid = os.fork()
        if pid == 0:
            _become(program, die)
        return pid
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _become(program: Program, die: Callable[[], None]) -> NoReturn:
    code = EXIT_EXEC
    try:
        signal.set_wakeup_fd(-1)
        for number in _DEFAULTS:
            signal.signal(number, signal.SIG_DFL)
        os.setsid()
        die()
        null = os.open(os.devnull, os.O_RDONLY)
        for target, source in ((0, null), (1, program.stdout), (2, program.stderr)):
            os.dup2(source, target)
        os.umask(program.umask)
        code = EXIT_CHDIR
        os.chdir(program.folder)
        code = EXIT_EXEC
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        me = str(os.getpid())
        os.execve(  # noqa: S606  # no shell is wanted
            program.words[0], program.words, {**program.env, **dict.fromkeys(program.own_id, me)}
        )
    except Exception as error:
        os.write(2, f"{program.words[0]}: {error}\n".encode())
    finally:
        os._exit(code)
