"""When the node speaks to the registry, and what it does of what it hears. Pure.

Times are monotonic seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import TYPE_CHECKING

from ops.node.actions import Confirm, Leave, Speak, Withdraw
from ops.node.bounds import (
    FIRST_ANSWER_SECONDS,
    FRESH_SECONDS,
    WORD_RETRY_AT_MOST_SECONDS,
)
from ops.node.retry import AT_ONCE, Retry
from ops.registry.word import Heard

if TYPE_CHECKING:
    from ops.node.actions import Action
    from ops.node.sight import Result
    from ops.registry.word import Word


@dataclass(frozen=True, slots=True)
class Speech:
    """What was said and heard."""

    began: float
    heard: Heard | None = None
    """What is wanted, as last heard; None: nothing was ever heard."""
    heard_at: float | None = None
    """When this process heard it; None where it is what the process before heard."""
    attempts: int = 0
    word: Retry = AT_ONCE
    said: Word | None = None
    told: Mapping[int, int] = field(default_factory=dict)
    """Tasks begun, by worker, as the last word had them."""
    telling: Mapping[int, int] = field(default_factory=dict)
    """The same of the word under way."""
    confirm: Retry = AT_ONCE
    leave: Retry = AT_ONCE
    left: bool = False
    stays: bool = False
    """It has left, and its item stays for whoever claimed it or speaks for the node now."""

    def believed(self, now: float) -> Heard | None:
        """Return what to act on: with no answer for long, a node may receive."""
        if self.heard is None and now - self.began >= FIRST_ANSWER_SECONDS:
            return Heard()
        return self.heard


def due(speech: Speech, word: Word, now: float) -> bool:
    """Whether to say the word now: in its time, or at once where it says something new."""
    if now >= speech.word.due:
        return True
    said = speech.said
    # Either way: a node that says it is paused without being asked is not counted on.
    news = said is not None and ((word.idle and not said.idle) or word.paused != said.paused)
    return news and speech.word.failures == 0


def confirms(speech: Speech, token: str, looked_at: float | None, now: float) -> bool:
    """Whether to confirm a token now, by what was looked at then."""
    fresh = looked_at is not None and now - looked_at <= FRESH_SECONDS
    return bool(token) and fresh and speech.heard_at is not None and now >= speech.confirm.due


def answered(speech: Speech, result: Result, now: float, rng: Random, *, every: float) -> Speech:
    """Return what is known after the registry's answer."""
    action = result.action
    if isinstance(action, Speak | Confirm):
        speech = replace(speech, attempts=speech.attempts + 1)
    if result.trouble:
        return _failed(speech, action, now, rng)
    if isinstance(action, Leave):
        return replace(speech, left=True, stays=result.stays)
    if isinstance(action, Speak | Confirm | Withdraw):
        speech = _heard(speech, result.heard, now)
    if isinstance(action, Speak | Confirm):
        word = speech.word.done(now, every)
        speech = replace(speech, said=action.word, told=speech.telling, word=word)
    if isinstance(action, Confirm) and speech.heard is not None:
        if speech.heard.confirmed == action.token:
            return replace(speech, confirm=AT_ONCE)
        # Refused: the item is gone, or another speaks for the node. A word will tell.
        again = speech.confirm.failed(now, rng, at_most=WORD_RETRY_AT_MOST_SECONDS)
        speech = replace(speech, word=AT_ONCE, confirm=again)
    return speech


def _failed(speech: Speech, action: Action, now: float, rng: Random) -> Speech:
    at_most = WORD_RETRY_AT_MOST_SECONDS
    match action:
        case Speak():
            return replace(speech, word=speech.word.failed(now, rng, at_most=at_most))
        case Confirm():
            return replace(speech, confirm=speech.confirm.failed(now, rng, at_most=at_most))
        case Leave():
            return replace(speech, leave=speech.leave.failed(now, rng))
    return speech


def _heard(speech: Speech, heard: Heard | None, now: float) -> Speech:
    """What is asked under another token is confirmed without regard to what was refused."""
    asked = "" if heard is None else heard.token
    known = "" if speech.heard is None else speech.heard.token
    confirm = speech.confirm if asked == known else AT_ONCE
    return replace(speech, heard=heard, heard_at=now, confirm=confirm)
