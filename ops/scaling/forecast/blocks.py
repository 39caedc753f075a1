"""Six hours of a queue's history: what every model said at each time, and what came."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from ops.scaling.forecast.history import HOUR, History
from ops.scaling.forecast.models import AS_NOW, NAMES, say_all
from ops.scaling.forecast.scale import as_now, at_work, most_at_work, nearest_rank, root, unroot
from ops.scaling.forecast.series import Series

BLOCK: Final = 6 * HOUR
_LEAST_ERRORS: Final = 24
# Every fifth origin: in five hours, or five days, each minute of the hour or day has had its turn.
_STEP: Final = 5

Columns: TypeAlias = "tuple[array[float], ...]"
"""Numbers by model, in the order of NAMES, then by origin."""


@dataclass(frozen=True, slots=True)
class Block:
    """What is needed of six hours; on the root's scale but for `actual`, which is tasks."""

    foreseen: Columns
    errors: Columns
    """What came less what was foreseen."""
    actual: Sequence[float]
    most: float
    """The most tasks that were at work at once."""
    late: int
    """How many of the last errors were not known yet when the block ended."""

    def judged(self) -> Block:
        """Return what later blocks' margins need of it."""
        return Block((), self.errors, self.actual, self.most, self.late)

    def past(self) -> Block:
        """Return what is needed of it once it is too old for margins."""
        return Block((), (), (), self.most, 0)


@dataclass(frozen=True, slots=True)
class Loss:
    """What every model's quantile cost over a block, and how much work there was."""

    by_model: tuple[float, ...]
    """Pinball losses in the order of NAMES."""
    work: float
    missed: tuple[float, ...]
    """Sums of absolute errors of the models' middles."""


def step(horizon: int) -> int:
    """Return how many buckets lie from one origin to the next.

    A peak of five minutes is met by no other origin than its own if that looks no further.
    """
    return 1 if horizon == 1 else _STEP


def gathered(series: Series, history: History, number: int, horizon: int, width: int) -> Block:
    """Return the block of that number, as far as what its origins foresaw has come to be known."""
    end = (number + 1) * BLOCK
    columns: Columns = tuple(array("d") for _ in NAMES)
    actual, late = array("d"), 0
    for origin in _origins(history, number, horizon):
        came, said = _came(series, origin, horizon, width), _said(series, origin, horizon, width)
        if came is not None and said is not None:
            actual.append(came)
            late += origin + horizon > end
            for column, value in zip(columns, said, strict=True):
                column.append(root(value))
    roots = [root(came) for came in actual]
    errors = tuple(
        array("d", (came - said for came, said in zip(roots, column, strict=True)))
        for column in columns
    )
    return Block(columns, errors, actual, max(actual, default=0.0), late)


def _origins(history: History, number: int, horizon: int) -> Iterator[int]:
    begin, every = number * BLOCK, step(horizon)
    upto = min(begin + BLOCK, history.open - horizon + 1)
    return (n for n in range(begin + -begin % every, upto, every) if n > history.first)


def _came(series: Series, origin: int, horizon: int, width: int) -> float | None:
    most = 0.0
    for end in range(origin + 1, origin + horizon + 1):
        held = at_work(series, end, width)
        if held is None:
            return None
        most = max(most, held)
    return most


def _said(series: Series, origin: int, horizon: int, width: int) -> list[float] | None:
    """Return what every model says; one that knows too little says that all stays as it is."""
    now = as_now(series, origin, width)
    if now is None:
        return None
    said: list[float] = []
    for name, ahead in zip(NAMES, say_all(series, origin, horizon), strict=True):
        value = None if name == AS_NOW else most_at_work(ahead, series, origin, width)
        said.append(now if value is None else value)
    return said


def loss(block: Block, before: Sequence[Block], quantile: float) -> Loss | None:
    """Return what a block cost with margins by the errors of those before it, oldest first.

    None where nothing came to be known in it, or too little before it.
    """
    if not block.actual or not before:
        return None
    losses: list[float] = []
    missed: list[float] = []
    for which in range(len(NAMES)):
        errors = known_errors(before[:-1], which)
        errors += before[-1].errors[which][: len(before[-1].actual) - before[-1].late]
        if len(errors) < 2 * _LEAST_ERRORS:
            return None
        errors.sort()
        margin, middle = nearest_rank(errors, quantile), nearest_rank(errors, 0.5)
        lost = miss = 0.0
        for came, said in zip(block.actual, block.foreseen[which], strict=True):
            short = came - unroot(said + margin)
            lost += quantile * short if short > 0 else (quantile - 1) * short
            miss += abs(came - unroot(said + middle))
        losses.append(lost)
        missed.append(miss)
    return Loss(tuple(losses), sum(block.actual), tuple(missed))


def margins(
    blocks: Sequence[Block], model: str, quantiles: tuple[float, ...]
) -> tuple[float, ...] | None:
    """Return a model's margins by quantile, from all errors of the blocks; None from too few."""
    errors = sorted(known_errors(blocks, NAMES.index(model)))
    if len(errors) < _LEAST_ERRORS:
        return None
    return tuple(nearest_rank(errors, quantile) for quantile in quantiles)


def known_errors(blocks: Sequence[Block], which: int) -> list[float]:
    """Return one model's errors in all of the blocks."""
    return [error for block in blocks for error in block.errors[which]]
