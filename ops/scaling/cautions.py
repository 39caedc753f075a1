"""What is allowed in a queue's scaling and surprises people: pure, from its settings alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ops.scaling.windows import active_at, bounds_at, next_change
from worker.promises import Caution

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ops.scaling.settings import Settings

#: Two weeks show what comes every week, and what overlaps it.
_LOOK_AHEAD_SECONDS: Final = 14 * 86_400.0
#: Windows that change by the minute are looked at for a day.
_CHANGES_LOOKED_AT: Final = 3_000


def cautions(settings: Settings, now: float) -> list[Caution]:
    """Return the cautions of a queue; `now` is in seconds since the epoch."""
    return [*_promise(settings), *_fixed(settings), *_overlaps(settings, now)]


def _promise(settings: Settings) -> Iterator[Caution]:
    promise, boot = settings.start_within_seconds, settings.boot_seconds
    if promise is None or promise >= boot:
        return
    if settings.minimum == 0 and settings.predict == "off" and settings.headroom in ("off", 0):
        yield Caution(
            "slo.start_within",
            f"{promise:.0f} s cannot be kept from no nodes: one boots in {boot:.0f} s "
            '(nodes.boot), and nothing is kept ready: set scaling.headroom = "auto", nodes.min, '
            "or a window that has a minimum",
        )


def _fixed(settings: Settings) -> Iterator[Caution]:
    if settings.minimum == settings.maximum:
        yield Caution(
            "nodes.min",
            f"it is nodes.max ({settings.maximum}): the policies have nothing to decide",
        )


def _overlaps(settings: Settings, now: float) -> Iterator[Caution]:
    """Name each pair of windows, counted from 1, of which one forbids what the other asks for."""
    said: set[tuple[int, int]] = set()
    number = {window: index + 1 for index, window in enumerate(settings.windows)}
    at: float | None = now
    for _ in range(_CHANGES_LOOKED_AT):
        if at is None or at > now + _LOOK_AHEAD_SECONDS:
            return
        active = active_at(settings.windows, at)
        for low in active:
            for high in active:
                wanted = max(low.minimum or 0, low.desired or 0)
                pair = (number[low], number[high])
                if high.maximum is not None and wanted > high.maximum and pair not in said:
                    said.add(pair)
                    yield Caution(
                        f"scaling.windows[{pair[0] - 1}]",
                        f"window {pair[0]} asks for {wanted} nodes while window {pair[1]} allows "
                        f"{high.maximum}: the maximum wins ({bounds_at(settings, at).why})",
                    )
        at = next_change(settings.windows, at)
