"""Simulated nodes that keep the registry's protocol against the local AWS, well or badly.

    with Nodes(client, table, "media") as nodes:
        node = nodes.add("video", "i-1", slots=4)
        node.give(2)  # two tasks arrive, if it receives
        nodes.step()  # every node says a word and does what it owes
        with nodes.speaking():  # the same, in a thread each, over and over
            ...

A node has no clock of its own: it is as far as it was stepped. Its ways can be changed at any
time: `late` (it acts on what it heard so many words before), `silent`, `deaf` (it speaks, and does
nothing of what it hears), `restart()`, `busy_for()`. What must not happen is noted in `wrongs`.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

from ops.node.duty import Standing, duty
from ops.registry.node import NodeItem
from ops.registry.word import Heard, Word
from ops.scaling.model import Wanted


@dataclass
class SimulatedNode:
    """One node; nothing of it happens but in `step`, `give` and `finish`."""

    item_of: Callable[[], NodeItem]
    """A new process's view of its item."""
    id: str
    queue: str
    slots: int = 4
    clock: Callable[[], float] = time.time
    late: int = 0
    silent: bool = False
    deaf: bool = False
    held: bool = False
    release: str = "r1"
    receiving: bool = False
    polling: bool = False
    """A poll is open, which may still bring a task: for a step longer than it receives."""
    running: list[float] = field(default_factory=list)
    recent: list[tuple[float, float]] = field(default_factory=list)
    begun: int = 0
    killed: int = 0
    ended: bool = False
    wrongs: list[str] = field(default_factory=list)
    heard: Heard | None = None
    """What it acted on last."""

    def __post_init__(self) -> None:
        self.lock = threading.RLock()
        self._item = self.item_of()
        self._mail: deque[Heard] = deque()
        self._frees: int | None = None

    @property
    def idle(self) -> bool:
        return not self.running and not self.polling

    def word(self) -> Word:
        """What it says of itself now."""
        return Word(
            busy=len(self.running),
            slots=self.slots,
            paused=not self.receiving and not self.polling,
            release=self.release,
            started=tuple(self.running),
            recent=tuple(self.recent),
            begun=self.begun,
        )

    def step(self) -> None:
        """Say a word, hear, and do what is owed."""
        with self.lock:
            if self.silent or self.ended:
                return
            self._work()
            self._mail.append(self._item.report(self.word(), self.clock()))
            if len(self._mail) > self.late:
                self.heard = self._mail.popleft()
            while len(self._mail) > self.late:
                self.heard = self._mail.popleft()
            if not self.deaf:
                self._do()

    def give(self, tasks: int = 1) -> int:
        """Tasks arrive; return how many it took."""
        with self.lock:
            taken = min(tasks, self.slots - len(self.running)) if self.polling else 0
            if taken and self.heard is not None and self.heard.claimed:
                self.wrongs.append(f"{self.id} took a task after its termination was claimed")
            self.running += [self.clock()] * taken
            self.begun += taken
            return taken

    def finish(self, tasks: int | None = None) -> None:
        """Let its oldest tasks end, all of them unless said otherwise."""
        with self.lock:
            ending = self.running[:tasks]
            self.running = self.running[len(ending) :]
            now = self.clock()
            self.recent += [(now, now - began) for began in ending]

    def busy_for(self, steps: int, tasks: int = 1) -> None:
        """Run tasks, which it took before anything else, until so many steps from now."""
        with self.lock:
            self.running += [self.clock()] * tasks
            self.begun += tasks
            self._frees = steps

    def restart(self) -> None:
        """Begin anew with nothing remembered, not even its tasks."""
        with self.lock:
            self.killed += len(self.running)
            self.receiving = self.polling = False
            self.running, self.heard, self.begun = [], None, 0
            self._mail.clear()
            self._item = self.item_of()

    def resume_by_hand(self) -> bool:
        """An operator resumes it: withdrawn first, then resumed."""
        with self.lock:
            heard = self._item.withdraw()
            if heard.claimed or heard.wanted is not Wanted.RUN:
                return False
            self._mail.clear()
            self.heard = heard
            self.receiving = self.polling = True
            return True

    def leave(self) -> bool:
        """Stop in good order."""
        with self.lock:
            self.receiving = self.polling = False
            self.silent = True
            return self._item.leave()

    def end(self) -> None:
        """Its instance is gone, with whatever it ran."""
        with self.lock:
            self.ended = True
            self.receiving = self.polling = False
            self.killed += len(self.running)
            self.running = []

    def _work(self) -> None:
        self.polling = self.receiving
        if self._frees is not None:
            self._frees -= 1
            if self._frees < 0:
                self._frees = None
                self.finish()

    def _do(self) -> None:
        owed = duty(self.heard, Standing(self.receiving, self.idle, self.held))
        self.receiving = owed.receive
        self.polling = self.polling or owed.receive
        if owed.confirm:
            self._item.confirm(owed.confirm, self.word(), self.clock())


class Nodes:
    """Nodes of one registry. A context manager: at its end nothing speaks any more."""

    def __init__(self, client: Any, table: str, fleet: str) -> None:
        self._client, self._table, self._fleet = client, table, fleet
        self._by_id: dict[str, SimulatedNode] = {}
        self.all: list[SimulatedNode] = []
        """Every node there was, those that ended too."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for node in self.all:
            node.silent = True

    def __getitem__(self, node_id: str) -> SimulatedNode:
        return self._by_id[node_id]

    def __iter__(self) -> Iterator[SimulatedNode]:
        return iter(list(self._by_id.values()))

    def __len__(self) -> int:
        return len(self._by_id)

    @property
    def killed(self) -> int:
        """Tasks that ended with their node, over all nodes there were."""
        return sum(node.killed for node in self.all)

    @property
    def wrongs(self) -> list[str]:
        """What must not have happened."""
        return [wrong for node in self.all for wrong in node.wrongs]

    def add(self, queue: str, node_id: str, *, group: str = "", **ways: Any) -> SimulatedNode:
        """Start a node that has not spoken yet."""

        def item() -> NodeItem:
            return NodeItem(self._client, self._table, self._fleet, queue, node_id, group=group)

        node = SimulatedNode(item, node_id, queue, **ways)
        self._by_id[node_id] = node
        self.all.append(node)
        return node

    def follow(self, queue: str, group: str, instances: Iterable[str], **ways: Any) -> None:
        """Have a node for each instance of a queue's group: start the new, end what is gone."""
        there = set(instances)
        known = {node.id for node in self if node.queue == queue}
        for node_id in sorted(there - known):
            self.add(queue, node_id, group=group, **ways)
        for node_id in known - there:
            self._by_id.pop(node_id).end()

    def step(self, times: int = 1) -> None:
        """Have every node say its word, one after the other."""
        for _ in range(times):
            for node in self:
                node.step()

    @contextmanager
    def speaking(self, every_seconds: float = 0.01) -> Iterator[None]:
        """Have each node there is speak over and over, in a thread of its own."""
        over = threading.Event()
        failures: list[BaseException] = []

        def speak(node: SimulatedNode) -> None:
            try:
                while not over.wait(every_seconds):
                    node.step()
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=speak, args=(node,)) for node in self]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            over.set()
            for thread in threads:
                thread.join()
        if failures:
            raise failures[0]
