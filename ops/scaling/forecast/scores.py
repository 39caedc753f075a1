"""Every model on a queue's own history: what following it would have cost, block by block.

A model foresees the most tasks at work at once, within the horizon, if each takes `width` buckets;
its quantile is that plus a margin learnt from its errors of the two days before. The cost is the
pinball loss: a task more than foreseen costs `quantile`, one fewer than foreseen 1 - `quantile`, so
at 0.9 a slot that is missing costs nine idle ones. Its expectation is least at the true quantile
(Koenker and Bassett, 1978), so no model gains by shouting.
"""

from __future__ import annotations

from typing import Final

from ops.scaling.forecast.blocks import BLOCK, Block, Loss, gathered, loss, margins
from ops.scaling.forecast.history import History
from ops.scaling.forecast.series import Summed

#: Errors of so many blocks before make a block's margins.
ERRORS_BLOCKS: Final = 8
SCORED_BLOCKS: Final = 28
# Behind the present block, so many may be gathered again: those that a horizon reaches out of.
_UNSETTLED_BLOCKS: Final = 2


class Scores:
    """The scores of one queue for one horizon and width; kept between evaluations they are cheap.

    What is kept follows from the history alone: starting afresh gives the same answers.
    """

    def __init__(self, horizon: int, width: int, quantile: float) -> None:
        self.horizon, self.width, self.quantile = horizon, width, quantile
        self._history = History()
        self._blocks: dict[int, Block] = {}
        self._losses: dict[int, Loss | None] = {}

    def losses(self, history: History) -> tuple[Loss, ...]:
        """Return the losses of the last week's blocks, oldest first, the present one last.

        Blocks in which nothing is known, or before which too few errors were, are left out.
        """
        self._keep_what_holds(history)
        series, now = Summed(history), history.open // BLOCK
        begin = now - SCORED_BLOCKS
        for number in range(begin - ERRORS_BLOCKS, now + 1):
            if number not in self._blocks:
                found = gathered(series, history, number, self.horizon, self.width)
                self._blocks[number] = found
        for number in range(begin, now + 1):
            if number not in self._losses:
                before = [self._blocks[n] for n in range(number - ERRORS_BLOCKS, number)]
                self._losses[number] = loss(self._blocks[number], before, self.quantile)
        settled = now - _UNSETTLED_BLOCKS
        for number in range(begin - ERRORS_BLOCKS, settled):
            block = self._blocks[number]
            past = number < settled - ERRORS_BLOCKS
            self._blocks[number] = block.past() if past else block.judged()
        scored = (self._losses[number] for number in range(begin, now + 1))
        return tuple(one for one in scored if one is not None)

    def margins(self, model: str, quantiles: tuple[float, ...]) -> tuple[float, ...] | None:
        """Return a model's margins on the root's scale, by the errors known at the last scoring."""
        now = self._history.open // BLOCK
        lately = [self._blocks[number] for number in range(now - ERRORS_BLOCKS, now + 1)]
        return margins(lately, model, quantiles)

    def most(self) -> float:
        """Return the most tasks that were at work at once in the blocks kept."""
        return max((block.most for block in self._blocks.values()), default=0.0)

    def _keep_what_holds(self, history: History) -> None:
        """Drop what a newer history makes stale: too old, not complete then, or rewritten since."""
        old, shift = self._history, history.first - self._history.first
        if shift < 0 or old.counts[shift:] != history.counts[: max(0, len(old.counts) - shift)]:
            self._blocks.clear()
            self._losses.clear()
        oldest = history.open // BLOCK - SCORED_BLOCKS - ERRORS_BLOCKS
        # A block is whole once the last of its origins has its whole horizon behind it.
        whole = (old.open - self.horizon + 1) // BLOCK
        for number in [n for n in self._blocks if not oldest <= n < whole]:
            del self._blocks[number]
        for number in [n for n in self._losses if not oldest <= n < whole]:
            del self._losses[number]
        self._history = history
