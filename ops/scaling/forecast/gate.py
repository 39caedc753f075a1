"""The gate: a forecast is used where, on the queue's own history, it would have cost less.

Every block of six hours is judged on a model that was chosen by the blocks before it, so the gain
is what following the forecast would have brought, not what the best of a dozen models looks like
afterwards. Reacting has the advantage of hindsight: the best of its forms over the whole time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ops.scaling.forecast.blocks import Loss
from ops.scaling.forecast.models import FORECASTS, NAMES, REACTING

_CHOSEN_BY: Final = 12
_BEFORE_THE_FIRST: Final = 2
_LEAST_BLOCKS: Final = 6
_DAY: Final = 4

# To open: a gain worth having, not owed to one lucky block, on most days, and lasting until now.
_OPENS_AT: Final = 0.08
# Few days prove less: 16 % are asked for after a day and a half, 10 % after a week.
_FOR_ONE_DAY: Final = 0.12
_WITHOUT_THE_BEST: Final = 0.05
_DAYS_BETTER: Final = 0.6
# CI queues, whose work comes in clumps, err by 90 % and more, and gain by luck where they gain.
_LARGEST_ERROR: Final = 0.4
# To stay open less will do, or it would open and close with every turn of luck.
_STAYS_AT: Final = 0.03
_STAYS_ERROR: Final = 0.6
_WORST_DAY: Final = -0.10
_WORST_HALF_DAY: Final = -0.50


@dataclass(frozen=True, slots=True)
class Trial:
    """What the blocks show; gains are shares of what reacting cost."""

    model: str
    """The forecast that the last blocks choose."""
    blocks: int
    gain: float
    without_the_best: float
    better: float
    """The share of days on which the forecast cost less."""
    last_day: float
    last_half_day: float
    error: float

    def shut_by(self, is_open: bool) -> str:
        """Return why the gate is shut, nothing where it opens or stays open."""
        return next((why for shut, why in self._checks(is_open) if shut), "")

    def _checks(self, is_open: bool) -> Iterator[tuple[bool, str]]:
        yield (
            self.error > (_STAYS_ERROR if is_open else _LARGEST_ERROR),
            f"errs by {self.error:.0%}",
        )
        opens_at = _OPENS_AT + _FOR_ONE_DAY * _DAY / self.blocks
        yield self.gain < (_STAYS_AT if is_open else opens_at), _against(self.gain, "")
        day, half_day = " over the last day", " over the last half day"
        yield self.last_day < (_WORST_DAY if is_open else 0.0), _against(self.last_day, day)
        yield self.last_half_day < _WORST_HALF_DAY, _against(self.last_half_day, half_day)
        if not is_open:
            yield (
                self.without_the_best < _WITHOUT_THE_BEST,
                f"would have saved {self.gain:.0%}, nearly all of it in one block of six hours",
            )
            yield (
                self.better < _DAYS_BETTER,
                f"would have cost less than reacting on only {self.better:.0%} of the days",
            )


def _against(gain: float, when: str) -> str:
    if gain < 0:
        return f"would have cost {-gain:.0%} more than reacting{when}"
    return f"would have saved only {gain:.0%} against reacting{when}"


def trial(losses: Sequence[Loss]) -> Trial | None:
    """Return what blocks show, oldest first, or None where they are too few."""
    judged = range(_BEFORE_THE_FIRST, len(losses))
    if len(judged) < _LEAST_BLOCKS:
        return None
    first = len(REACTING)
    reacting = min(range(first), key=lambda which: sum(losses[i].by_model[which] for i in judged))
    chosen = [_best(losses[max(0, i - _CHOSEN_BY) : i]) for i in judged]
    cost = [losses[i].by_model[reacting] for i in judged]
    saved = [
        losses[i].by_model[reacting] - losses[i].by_model[which]
        for i, which in zip(judged, chosen, strict=True)
    ]
    missed = sum(losses[i].missed[which] for i, which in zip(judged, chosen, strict=True))
    best = max(range(len(saved)), key=saved.__getitem__)
    others = [i for i in range(len(saved)) if i != best]
    days = [sum(saved[max(0, end - _DAY) : end]) for end in range(len(saved), 0, -_DAY)]
    return Trial(
        model=NAMES[_best(losses[-_CHOSEN_BY:])],
        blocks=len(judged),
        gain=_share(saved, cost),
        without_the_best=_share([saved[i] for i in others], [cost[i] for i in others]),
        better=sum(day > 0 for day in days) / len(days),
        last_day=_lately(saved, cost, _DAY),
        last_half_day=_lately(saved, cost, _DAY // 2),
        error=missed / max(1.0, sum(losses[i].work for i in judged)),
    )


def _best(losses: Sequence[Loss]) -> int:
    first = len(REACTING)
    return min(
        range(first, first + len(FORECASTS)),
        key=lambda which: sum(loss.by_model[which] for loss in losses),
    )


def _share(saved: Sequence[float], cost: Sequence[float]) -> float:
    """Return savings as a share of costs; a cost out of nothing counts as one task's."""
    return sum(saved) / max(1.0, sum(cost))


def _lately(saved: Sequence[float], cost: Sequence[float], blocks: int) -> float:
    """Return the last blocks' savings as a share of their cost, or of the mean where that is more.

    A queue that works once a day has hours in which both cost next to nothing.
    """
    usual = sum(cost) * blocks / len(cost)
    return sum(saved[-blocks:]) / max(1.0, usual, sum(cost[-blocks:]))
