"""What `ops scaling backtest` is asked for: its values, and the settings that follow from them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import timedelta
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ops.cli.output import say
from ops.cli.params import Duration
from ops.cli.scaling_pin import queue_of
from ops.errors import Exit, OpsError
from ops.scaling.settings import Settings, settings_of

if TYPE_CHECKING:
    from ops.cli.context import Ops
    from ops.scaling.backtest.trace import Trace

#: Beyond any group of ours: a policy is to be seen at work, and not its bound.
_MAXIMUM = 1000
_RUN_TIME = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(ms|s)")
_RUN_TIME_AT_MOST_SECONDS = 432_000


class RunTime(Duration):
    """A duration that may be a part of a second: `"1.5s"`, `"200ms"`, `"20m"`."""

    name = "run time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """Return the duration, or end the command with what was expected of it."""
        found = _RUN_TIME.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            duration = super().convert(value, param, ctx)
        else:
            duration = timedelta(seconds=float(found[1]) / (1000 if found[2] == "ms" else 1))
        if not 0 < duration.total_seconds() <= _RUN_TIME_AT_MOST_SECONDS:
            self.fail(f"expected more than 0s and at most 5d, got {value}", param, ctx)
        return duration


class Policies(click.ParamType["tuple[str, ...]"]):
    """Names of policies, with commas, or `all`."""

    name = "names"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Return the names, each once, or end the command with those there are."""
        from ops.scaling.backtest.rivals import POLICIES  # noqa: PLC0415

        if isinstance(value, tuple):
            return value
        names = tuple(dict.fromkeys(name.strip() for name in value.split(",") if name.strip()))
        if names == ("all",):
            return tuple(POLICIES)
        for name in names:
            if name not in POLICIES:
                self.fail(f"expected all, or of {', '.join(POLICIES)}, got {name!r}", param, ctx)
        return names


class Headroom(click.ParamType[Any]):
    """Free nodes: a number, `auto` or `off`."""

    name = "headroom"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number or the word."""
        if value in {"auto", "off"} or isinstance(value, int):
            return value
        if not (value.isdecimal() and len(value) <= 5):
            self.fail(f"expected a number, auto or off, got {value!r}", param, ctx)
        return int(value)


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of a backtest; None for those not given."""

    traces: tuple[str, ...]
    more: tuple[str, ...]
    queue: str | None
    slots: int | None
    boot: timedelta | None
    start_within: timedelta | None
    minimum: int | None
    maximum: int | None
    headroom: Any
    service: timedelta | None
    service_cv: float
    scale: float
    skip: timedelta
    lasting: timedelta | None
    policy: tuple[str, ...]
    against: tuple[str, ...]
    seeds: int
    spot: Path | None
    plot: Path | None
    frontier: Path | None
    processes: int | None
    as_json: bool

    @property
    def files(self) -> tuple[Path, ...]:
        """Return the files of the traces, in the order in which they were named."""
        return tuple(Path(name) for name in (*self.traces, *self.more))

    @property
    def policies(self) -> tuple[str, ...]:
        """Return the policies to run, each once."""
        return tuple(dict.fromkeys((*self.policy, *self.against)))

    def settings(self, ops: Ops) -> Settings:
        """Return how the queue is scaled: the manifest's way, and then what the options say."""
        if self.queue is not None:
            settings = settings_of(queue_of(ops.fleet(), self.queue))
        elif self.slots is None:
            raise OpsError("expected --queue or --slots, got neither: give one", Exit.USAGE)
        else:
            settings = Settings(
                "backtest",
                self.slots,
                maximum=_MAXIMUM,
                policies=frozenset({"depth"} if self.start_within is None else {"age"}),
            )
        given = {
            "slots": self.slots,
            "boot_seconds": _seconds(self.boot),
            "start_within_seconds": _seconds(self.start_within),
            "minimum": self.minimum,
            "maximum": self.maximum,
            "headroom": self.headroom,
        }
        settings = replace(settings, **{k: v for k, v in given.items() if v is not None})
        if settings.minimum > settings.maximum:
            raise OpsError(
                f"--min: expected at most the maximum, {settings.maximum}, got "
                f"{settings.minimum}: lower it",
                Exit.USAGE,
            )
        return settings

    def read(self, path: Path) -> Trace:
        """Return a trace, or the part of it that was asked for."""
        from ops.scaling.backtest.reading import Part, Service, read_trace  # noqa: PLC0415

        service = None
        if self.service is not None:
            service = Service(self.service.total_seconds(), self.service_cv)
        lasting = inf if self.lasting is None else self.lasting.total_seconds()
        trace = read_trace(path, service, Part(self.skip.total_seconds(), lasting, self.scale))
        if trace.missing_minutes:
            say(f"{path}: {trace.missing_minutes} minutes are missing: taken as without a task")
        return trace


def _seconds(duration: timedelta | None) -> float | None:
    return None if duration is None else duration.total_seconds()
