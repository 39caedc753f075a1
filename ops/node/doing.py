"""Doing what was decided: each action in its lane, a lane one at a time, none waiting for another.

What a lane found out is put where the agent's loop takes it from: nothing here decides.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ops.aws import EXPIRED_CODES
from ops.errors import OpsError
from ops.node import looking, verdict
from ops.node.actions import (
    Beat,
    Complete,
    Condemn,
    Confirm,
    Identify,
    Leave,
    Look,
    Mark,
    Peek,
    Say,
    Speak,
    Tell,
    Verdict,
    Withdraw,
)
from ops.node.group import NotWaiting
from ops.node.notices import notice
from ops.node.place import Unplaced
from ops.node.sight import Lane, Looked, Noticed, Place, Result
from ops.registry.table import code_of
from worker import holds

if TYPE_CHECKING:
    from ops.node.actions import Action
    from ops.node.group import Group
    from ops.node.metadata import Metadata
    from ops.registry.node import NodeItem

_TEXT_AT_MOST_CHARACTERS: Final = 500


@dataclass(frozen=True, slots=True)
class Hands:
    """What the agent reaches the world with."""

    name: str
    """`{fleet}-{queue}`, what the workers' sockets begin with."""
    metadata: Metadata
    place: Callable[[], Place]
    """Raises Unplaced."""
    group: Callable[[], Group]
    item: Callable[[Place], NodeItem]
    forget: Callable[[], None]
    """Have the next call look for credentials anew."""
    say: Callable[[str], None]


class Doing:
    """The lanes. `do` and `news` are for one thread."""

    def __init__(self, hands: Hands, wake: Callable[[], None]) -> None:
        """`wake` is called from a lane's thread when there is news."""
        self._hands = hands
        self._wake = wake
        self._pools = {lane: ThreadPoolExecutor(1, f"fleet-{lane}") for lane in Lane}
        self._under_way = dict.fromkeys(Lane, 0)
        self._found: queue.SimpleQueue[tuple[Lane, Result]] = queue.SimpleQueue()
        self.place: Place | None = None
        self.looked: Looked | None = None
        self.noticed: Noticed | None = None
        self._item: NodeItem | None = None

    def do(self, actions: Sequence[Action]) -> tuple[Result, ...]:
        """Begin all actions; return what became of those that are done at once."""
        done = []
        for action in actions:
            lane = action.lane
            if lane is not None:
                self._under_way[lane] += 1
                self._pools[lane].submit(self._run, lane, action)
            elif isinstance(action, Mark | Verdict):
                done.append(self._write(action))
            elif isinstance(action, Say):
                self._hands.say(action.text)
        return tuple(done)

    @property
    def busy(self) -> frozenset[Lane]:
        """The lanes with something under way."""
        return frozenset(lane for lane, count in self._under_way.items() if count)

    def news(self) -> tuple[Result, ...]:
        """Return what the lanes have done since."""
        found = []
        while not self._found.empty():
            lane, result = self._found.get()
            self._under_way[lane] -= 1
            found.append(result)
        return tuple(found)

    def close(self) -> None:
        """Begin nothing more. What is under way has its own time limits."""
        for pool in self._pools.values():
            pool.shutdown(wait=False, cancel_futures=True)

    # -- in a lane's thread ----------------------------------------------------------------------

    def _run(self, lane: Lane, action: Action) -> None:
        try:
            result = self._act(action)
        except NotWaiting as error:
            result = Result(action, _line(error), ended=True)
        except (OpsError, Unplaced) as error:
            result = Result(action, _line(error))
            self._look_for_credentials(error)
        except Exception as error:  # a defect in one call must not end the agent
            result = Result(action, _line(f"{type(error).__name__}: {error}"))
        self._found.put((lane, result))
        self._wake()

    def _act(self, action: Action) -> Result:
        match action:
            case Look():
                self.looked = looking.look(self._hands.name)
            case Tell():
                return Result(action, looking.tell(self._hands.name, action))
            case Identify():
                found = self._hands.place()
                if found != self.place:
                    self.place, self._item = found, None
            case Peek():
                self.noticed = notice(self._hands.metadata, self.noticed)
            case Speak() | Confirm() | Withdraw() | Leave():
                return self._speak(action)
            case Beat() | Complete() | Condemn():
                self._call(action)
        return Result(action)

    def _speak(self, action: Speak | Confirm | Withdraw | Leave) -> Result:
        if self._item is None:
            self._item = self._hands.item(self._placed())
        item, wall = self._item, time.time()
        match action:
            case Speak(word):
                return Result(action, heard=item.report(word, wall))
            case Confirm(token, word):
                return Result(action, heard=item.confirm(token, word, wall))
            case Withdraw():
                return Result(action, heard=item.withdraw())
            case Leave():
                return Result(action, stays=not item.leave())

    def _call(self, action: Beat | Complete | Condemn) -> None:
        place, group = self._placed(), self._hands.group()
        match action:
            case Beat():
                group.heartbeat(place.group, place.id)
            case Complete(hook, _):
                group.complete(hook, place.group, place.id)
            case Condemn():
                group.condemn(place.id)

    def _look_for_credentials(self, error: Exception) -> None:
        """Have clients remade that have no credentials or old ones: the metadata service hung.

        botocore looks again only after minutes.
        """
        from botocore.exceptions import ClientError, NoCredentialsError  # noqa: PLC0415

        cause = error.__cause__
        expired = isinstance(cause, ClientError) and code_of(cause) in EXPIRED_CODES
        if expired or isinstance(cause, NoCredentialsError):
            self._hands.forget()
            self._item = None

    def _placed(self) -> Place:
        if self.place is None:
            raise OpsError("expected to know which node this is before it is spoken for")
        return self.place

    def _write(self, action: Mark | Verdict) -> Result:
        try:
            match action:
                case Mark(None):
                    holds.let_go(self._hands.name, holds.By.AGENT)
                case Mark(str(reason)):
                    holds.hold(self._hands.name, holds.By.AGENT, reason)
                case Verdict(None):
                    verdict.take_back()
                case Verdict(str(why)):
                    verdict.leave(why)
        except OSError as error:
            # Without its file, whose name is another one each time: the same is told once.
            return Result(action, _line(error.strerror or error))
        return Result(action)


def _line(error: object) -> str:
    return " ".join(str(error).split())[:_TEXT_AT_MOST_CHARACTERS]
