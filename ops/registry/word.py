"""What a node says of itself and what it hears, and its item in the registry. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ops.registry import names
from ops.registry.values import (
    Unreadable,
    completions,
    duration,
    flag,
    moment,
    moments,
    read_completions,
    read_flag,
    read_moment,
    read_moments,
    read_number,
    read_text,
    read_whole,
    text,
    whole,
)
from ops.scaling.model import Node, Wanted

if TYPE_CHECKING:
    from ops.registry.values import Item, Value

#: AWS takes no request that is signed more than five minutes ahead of its own time (IAM User Guide,
#: "Elements of an AWS API request signature"), so a word further ahead is no node's. One less far
#: ahead makes a silent node look alive for as long. Not to read it would make all nodes of its
#: queue unknown, and none of them would be resumed or ended.
AHEAD_AT_MOST_SECONDS: Final = 330.0

_SLOTS_AT_MOST = 10_000
_LONGEST_SECONDS = 1e8
_BEGUN_AT_MOST = 10**12


#: Attributes of a word that it may be without: what an earlier word said of them goes then.
MAY_LACK: Final = ("longest_wait", "polled")


@dataclass(frozen=True, slots=True)
class Word:
    """What a node says of itself; the fields are `ops.scaling.model.Node`'s."""

    busy: int
    slots: int
    paused: bool
    release: str = ""
    started: tuple[float, ...] = ()
    recent: tuple[tuple[float, float], ...] = ()
    begun: int = 0
    longest_wait: float | None = None
    polled: float | None = None

    @property
    def idle(self) -> bool:
        """Whether it is paused with nothing running: what a confirmation holds for."""
        return self.paused and self.busy == 0


@dataclass(frozen=True, slots=True)
class Heard:
    """What is wanted of a node, as its own write to the registry was answered."""

    wanted: Wanted = Wanted.RUN
    token: str = ""
    claimed: bool = False
    """Its termination is claimed: it does not receive, whatever else is said."""
    confirmed: str = ""
    """The token that the registry has as confirmed."""


def said(word: Word, now: float) -> dict[str, Value]:
    """Return the attributes of a node's word; lists keep the newest of what they can hold."""
    return {
        "busy": whole(word.busy),
        "slots": whole(word.slots),
        "paused": flag(word.paused),
        "said_at": moment(now),
        "release": text(word.release[: names.TEXT_AT_MOST_CHARACTERS]),
        "started": moments(word.started[: names.STARTED_AT_MOST]),
        "recent": completions(word.recent[-names.RECENT_AT_MOST :]),
        "begun": whole(word.begun),
        **({} if word.longest_wait is None else {"longest_wait": duration(word.longest_wait)}),
        **({} if word.polled is None else {"polled": moment(word.polled)}),
    }


def read_heard(item: Item) -> Heard:
    """Read what is wanted out of a node's item. Raises Unreadable."""
    return Heard(
        wanted=_wanted(item),
        token=read_text(item, "token", names.TEXT_AT_MOST_CHARACTERS, ""),
        claimed="claimed_at" in item,
        confirmed=read_text(item, "confirmed", names.TEXT_AT_MOST_CHARACTERS, ""),
    )


def read_node(node: str, item: Item, now: float) -> Node:
    """Read a node's item. Raises Unreadable."""
    heard = read_heard(item)
    said_at = read_moment(item, "said_at")
    if said_at > now + AHEAD_AT_MOST_SECONDS:
        raise Unreadable(
            f"said_at: expected at most {AHEAD_AT_MOST_SECONDS:.0f} s ahead, got "
            f"{said_at - now:.0f} s: set this node's clock"
        )
    return Node(
        id=node,
        busy=read_whole(item, "busy", 0, _SLOTS_AT_MOST),
        slots=read_whole(item, "slots", 1, _SLOTS_AT_MOST),
        said_at=said_at,
        paused=read_flag(item, "paused"),
        wanted=heard.wanted,
        token=heard.token,
        confirmed=heard.confirmed,
        release=read_text(item, "release", names.TEXT_AT_MOST_CHARACTERS, ""),
        joined_at=read_moment(item, "joined_at"),
        started=read_moments(item, "started", names.STARTED_AT_MOST),
        recent=read_completions(item, "recent", names.RECENT_AT_MOST),
        begun=read_whole(item, "begun", 0, _BEGUN_AT_MOST),
        longest_wait=read_number(item, "longest_wait", 0, _LONGEST_SECONDS),
        polled=read_moment(item, "polled") if "polled" in item else None,
        claimed_at=read_moment(item, "claimed_at") if heard.claimed else None,
    )


def read_group(item: Item) -> str:
    """Read the group a node belongs to, empty where it did not say. Raises Unreadable."""
    return read_text(item, "group", names.TEXT_AT_MOST_CHARACTERS, "")


def _wanted(item: Item) -> Wanted:
    found = read_text(item, "wanted", names.TEXT_AT_MOST_CHARACTERS, Wanted.RUN)
    try:
        return Wanted(found)
    except ValueError:
        kinds = ", ".join(Wanted)
        raise Unreadable(f"wanted: expected one of {kinds}, got {found[:40]!r}") from None
