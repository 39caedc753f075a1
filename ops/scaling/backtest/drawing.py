"""What every picture shares: whether it can be drawn, its size, its time axis, its colours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ops.errors import Exit, OpsError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ops.scaling.backtest.trace import Trace

_SUFFIXES: Final = (".png", ".svg")
#: 16 inches at 100 dots: 1600 pixels wide.
_INCHES: Final = 16.0
_DOTS: Final = 100
_DAY: Final = 86_400.0
#: Okabe and Ito's colours, which those who see few colours can tell apart.
COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F")
INK: Final = "#222222"
PROMISE: Final = "#B22222"
_STYLE: Any = {
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.titlelocation": "left",
    "axes.titlepad": 7,
    "axes.edgecolor": "#888888",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 10,
    "legend.markerscale": 2.5,
    "svg.hashsalt": "fleet",
}


def check(option: str, path: Path) -> None:
    """Raise OpsError (exit 2) where nothing can be drawn into `path`; before anything is run."""
    if path.suffix.lower() not in _SUFFIXES:
        raise OpsError(
            f"{option}: expected a file that ends in .png or .svg, got {path}: name it so",
            Exit.USAGE,
        )
    if not path.absolute().parent.is_dir():
        raise OpsError(
            f"{option}: expected a file in a folder that exists, got {path}: create the folder",
            Exit.USAGE,
        )
    if find_spec("matplotlib") is None:
        raise OpsError(
            f"{option}: expected matplotlib, which is not installed: "
            "pip install 'celery-sqs-fleet[plot]'",
            Exit.USAGE,
        )


@contextmanager
def styled() -> Iterator[None]:
    """Draw in our style; whatever else this process draws is left alone."""
    import matplotlib  # noqa: PLC0415

    with matplotlib.rc_context(_STYLE):
        yield


def figure(heights: Sequence[float]) -> tuple[Figure, list[Axes]]:
    """Return a figure of panels below each other, of these heights in inches, with one time."""
    from matplotlib.figure import Figure  # noqa: PLC0415

    drawn = Figure(figsize=(_INCHES, sum(heights) + 1.2), dpi=_DOTS, layout="constrained")
    axes = drawn.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=list(heights))
    return drawn, [axis for (axis,) in axes]


def legend(axis: Axes) -> None:
    """Put the legend above the panel, where it hides nothing; the title is at the left."""
    axis.legend(loc="lower right", bbox_to_anchor=(1.0, 0.99), ncols=8, borderpad=0.2)


def save(drawn: Figure, path: Path) -> None:
    """Write the figure; raise OpsError where the file cannot be written."""
    drawn.align_ylabels()
    try:
        drawn.savefig(path, metadata={"Date": None} if path.suffix.lower() == ".svg" else {})
    except OSError as error:
        why = error.strerror or str(error)
        raise OpsError(f"{path}: expected a file that can be written: {why}") from error


def time_axis(axis: Axes, trace: Trace, last_seconds: float) -> float:
    """Set up the time axis; return the seconds that one unit of it stands for.

    Dates where the trace has them are UTC; else days or hours since its beginning.
    """
    dated = trace.begins_at > 0
    long = last_seconds > 2 * _DAY
    unit = _DAY if long else 3600.0
    since = ""
    if dated:
        since = f"{datetime.fromtimestamp(trace.begins_at, UTC):%Y-%m-%d %H:%M} UTC"
    axis.set_xlabel(f"{'days' if long else 'hours'} since {since or 'the beginning of the trace'}")
    axis.set_xlim(0, last_seconds / unit)
    return unit
