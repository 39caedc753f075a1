"""Many stacks at once, until the first of them fails."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Final, TypeVar

from ops.errors import Exit, OpsError
from ops.stack.changes import Ended

#: Stacks that are worked on at once: CloudFormation's calls are limited for the whole account,
#: and so are those of what it calls (IAM, Auto Scaling).
AT_ONCE: Final = 10

Made = TypeVar("Made")
Progress = Callable[[str, int], AbstractContextManager[Callable[[str], None]]]
Stop = threading.Event


@dataclass(frozen=True, slots=True)
class Told:
    """Who hears of it: how each ended, and at any time what is under way and was ever begun."""

    hear: Callable[[Ended], None]
    going: set[str] = field(default_factory=set)
    begun: set[str] = field(default_factory=set)


def ask_all(
    questions: Mapping[str, Callable[[], Made]], begins: Callable[[str], None]
) -> dict[str, Made]:
    """Ask about all of them, at most ten at once; return the answers by name, in the same order.

    `begins` hears each name as its answer comes. Raises the first OpsError, once all have come to
    their end.
    """
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="stack") as pool:
        futures = {pool.submit(ask): name for name, ask in questions.items()}
        with _interruptible(pool, lambda: "nothing was changed"):
            for future in as_completed(futures):
                begins(futures[future])
        return {name: future.result() for future, name in futures.items()}


def work_all(
    work: Mapping[str, Callable[[Stop], Ended]], told: Told
) -> tuple[list[Ended], list[str]]:
    """Do it all, at most ten at once; return how each ended, and the names of what was not begun.

    After the first failure nothing more is begun; what is under way is waited for. Ctrl-C
    waits for nobody: raises OpsError (exit 130) that names what goes on.
    """
    failed, stop = Stop(), Stop()

    def attempt(name: str, do: Callable[[Stop], Ended]) -> Ended | None:
        if failed.is_set() or stop.is_set():
            return None
        told.begun.add(name)
        told.going.add(name)
        try:
            ended = do(stop)
        except OpsError as error:
            ended = Ended(name, "", str(error))
        if not ended.status.endswith("_IN_PROGRESS"):
            told.going.discard(name)
        if not ended.well:
            failed.set()
        return ended

    done: list[Ended] = []
    left: list[str] = []
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="stack") as pool:
        futures = {pool.submit(attempt, name, do): name for name, do in work.items()}
        with _interruptible(pool, lambda: _still(told.going), stop):
            for future in as_completed(futures):
                ended = future.result()
                if ended is None:
                    left.append(futures[future])
                else:
                    done.append(ended)
                    told.hear(ended)
    return done, left


@contextmanager
def _interruptible(
    pool: ThreadPoolExecutor, words: Callable[[], str], stop: Stop | None = None
) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        if stop is not None:
            stop.set()
        pool.shutdown(wait=True, cancel_futures=True)
        raise OpsError(f"interrupted: {words()}", Exit.INTERRUPTED) from None


def _still(going: set[str]) -> str:
    if not going:
        return "every stack is at rest; run it again for the rest"
    return f"CloudFormation goes on with {', '.join(sorted(going))}; run it again for the rest"
