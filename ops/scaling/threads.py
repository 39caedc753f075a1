"""Threads that wait for answers, and that nobody waits for: they end with the process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from typing import Any, ParamSpec, TypeAlias, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_Work: TypeAlias = "tuple[Future[Any], Callable[[], Any]]"


class Threads:
    """At most so many threads, each begun when there is work for it.

    A ThreadPoolExecutor's threads are joined as the interpreter ends, whatever they wait for: a
    command that has said all it knows would then wait for an AWS that never answers.
    """

    def __init__(self, at_most: int, name: str) -> None:
        self._at_most = at_most
        self._name = name
        self._work: SimpleQueue[_Work | None] = SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._begun = 0

    def submit(self, do: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have a thread call it. To be called from one thread, and not after `close`."""
        future: Future[T] = Future()
        self._work.put((future, partial(do, *args, **kwargs)))
        if not self._idle.acquire(blocking=False) and self._begun < self._at_most:
            self._begun += 1
            name = f"{self._name}_{self._begun}"
            threading.Thread(target=self._run, name=name, daemon=True).start()
        return future

    def close(self) -> None:
        """Let each thread end once it has done what it does; what was not begun is left."""
        while not self._work.empty():
            left = self._work.get()
            if left is not None and left[0].cancel():
                left[0].set_running_or_notify_cancel()
        for _ in range(self._begun):
            self._work.put(None)

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            future, do = work
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(do())
                except BaseException as error:
                    future.set_exception(error)
            self._idle.release()
