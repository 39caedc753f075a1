"""Two processes a machine: one that runs it, and one that ends what it leaves when it is killed.

Each watches the other and ends everything where it goes: the keeper, whose process id is the
machine's to others, and the machine itself, which is its child in another session. The keeper
also watches the process that started it. Where both are killed at once, the kernel ends the main
processes of units, and a child that theirs left in a session of its own may remain.
"""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Callable
from typing import Final

from ops.local.machine.processes import end_all

_ENDS: Final = (signal.SIGTERM, signal.SIGINT)


def keep(run: Callable[[int], int]) -> int:
    """Run `run` in a child, with a descriptor that can be read once this process has ended.

    Return the child's exit code, 128 and the signal's number where one ended it, or 137 once the
    process that started this one has ended; no process below this one is left then.
    """
    # Those of a thread that starts a machine are inherited: a server's leave signals to another.
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    above = os.pidfd_open(os.getppid())
    mine = os.pidfd_open(os.getpid())
    child = os.fork()
    if child == 0:
        os.close(above)
        os._exit(_apart(run, mine))
    os.close(mine)
    for number in _ENDS:
        signal.signal(number, lambda number, _: os.kill(child, number))
    below = os.pidfd_open(child)
    waiting = select.poll()
    for descriptor in (above, below):
        waiting.register(descriptor, select.POLLIN)
    ready = {descriptor for descriptor, _ in waiting.poll()}
    for number in _ENDS:
        signal.signal(number, signal.SIG_IGN)
    code = 137
    if below in ready:
        ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        code = ended if ended >= 0 else 128 - ended
    end_all()
    return code


def _apart(run: Callable[[int], int], keeper: int) -> int:
    os.setsid()  # a signal to the keeper's group leaves this process to end the rest
    try:
        return run(keeper)
    finally:
        end_all()
