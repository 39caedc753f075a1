"""Whether a queue's forecast is used, and all that is needed to make one; kept between ticks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rolling backtest of one queue said, when it was last made."""

    at: float
    """When; seconds since the epoch."""
    used: bool
    why: str
    """One line for a person, `used: ...` or `not used: ...`."""
    horizon: int
    """How many buckets ahead it was tested, the open one counted."""
    width: int
    """How many buckets a task was taken to last."""
    model: str = ""
    """The best forecast, also where it is not used; empty while there is too little history."""
    gain: float = 0.0
    """The share of what reacting cost that it would have saved; below 0 it costs more."""
    error: float = 0.0
    """The sum of absolute errors of its middle over the sum of the work."""
    days: float = 0.0
    """The days over which gain and error were taken."""
    margins: tuple[tuple[float, float], ...] = ()
    """(quantile, margin on the root's scale), by quantile."""
    ceiling: float = 0.0
    """What no forecast may exceed, in tasks at work."""

    def as_data(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)


def from_data(data: Mapping[str, Any]) -> Verdict:
    """Return the verdict that `as_data` gave. Raises ValueError for anything else."""
    try:
        kept = {field.name: data[field.name] for field in fields(Verdict)}
        margins = tuple((float(quantile), float(margin)) for quantile, margin in kept["margins"])
        return Verdict(**(kept | {"margins": margins}))
    except (KeyError, TypeError, ValueError) as wrong:
        raise ValueError(
            f"verdict: expected what as_data gives, got {str(data)[:60]} ({wrong!r}): "
            "delete it, and it is made anew"
        ) from None
