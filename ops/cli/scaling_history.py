"""`ops scaling history`: a queue's past as a trace for `ops scaling backtest`."""

from __future__ import annotations

import gzip
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ops.cli.context import Ops, json_option, pass_ops
from ops.cli.counting import waiting
from ops.cli.output import print_json, say
from ops.cli.scaling_pin import queue_of
from ops.errors import Exit, OpsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ops.scaling.history import Minute, RunTimes
    from worker.fleet import Fleet

#: What `ops.scaling.history.DAYS_AT_MOST` says, without its imports.
_DAYS_AT_MOST = 15


@click.group()
def history() -> None:
    """Export what came to a queue."""


@history.command()
@click.argument("queue_name", metavar="QUEUE")
@click.option("--days", type=click.IntRange(1, _DAYS_AT_MOST), default=7, help="How many [7].")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="CSV, or .csv.gz.")
@json_option
@pass_ops
def export(ops: Ops, queue_name: str, days: int, out: Path | None, as_json: bool) -> int:
    """Write the messages sent to QUEUE, minute by minute, as a trace; to stdout without --out.

    From CloudWatch, which keeps minutes for 15 days. Minutes of which it knows nothing are left
    out. Where the engine has learnt how long tasks run, that is said too.
    """
    import time  # noqa: PLC0415

    from ops.aws import cloudwatch  # noqa: PLC0415
    from ops.scaling.history import missing, sent_by_minute, write_csv  # noqa: PLC0415

    fleet = ops.fleet()
    queue_of(fleet, queue_name)
    if out is not None:
        _check(out)
    now = time.time()
    client, queue = cloudwatch(fleet), fleet.physical_name(queue_name)
    with waiting("history", lambda: "CloudWatch"):
        minutes = sent_by_minute(client, queue, now - days * 86_400.0, now)
    if not minutes:
        raise OpsError(
            f"{queue_name}: expected messages sent within {days} days, CloudWatch knows of none: "
            "take more days, or check the queue's name and region"
        )
    learnt = _learnt(fleet, queue_name)
    if out is not None:
        _write(out, minutes)
    if as_json:
        print_json(_data(queue_name, minutes, learnt, out))
    elif out is None:
        write_csv(sys.stdout, minutes)
    say(
        f"{queue_name}: {sum(each.messages for each in minutes)} messages in {len(minutes)} "
        f"minutes, {missing(minutes)} minutes unknown"
    )
    if learnt is not None:
        say(
            f"its tasks run for {learnt.mean_seconds:.3g} s on average ({learnt.completions} seen):"
            f" ops scaling backtest --queue {queue_name} --trace {out or 'FILE'} "
            f"--service {learnt.mean_seconds:.3f}s --service-cv {learnt.cv:.2f}"
        )
    return Exit.DONE


def _learnt(fleet: Fleet, queue: str) -> RunTimes | None:
    """Return what the engine knows of the run times; a history is of use without it."""
    import time  # noqa: PLC0415

    from ops.aws import dynamodb  # noqa: PLC0415
    from ops.registry.registry import Registry  # noqa: PLC0415
    from ops.scaling.history import run_times  # noqa: PLC0415

    registry = Registry(dynamodb(fleet), fleet.registry_table, fleet.name)
    try:
        with waiting("history", lambda: "the registry in DynamoDB"):
            memory = registry.read(time.time()).memories.get(queue)
    except OpsError as error:
        say(f"{queue}: its run times are not known: {error}")
        return None
    return None if memory is None else run_times(memory)


def _check(out: Path) -> None:
    """Raise OpsError (exit 2) where no file can be written, before AWS is asked for days of it."""
    folder = out.absolute().parent
    if out.is_dir():
        found, remedy = "a folder", "name a file in it"
    elif not folder.is_dir():
        found, remedy = f"no folder {folder}", "create the folder"
    else:
        try:
            _beside(out).touch()
            _beside(out).unlink()
        except OSError as error:
            found, remedy = f"{folder}: {error.strerror or error}", "name another folder"
        else:
            return
    raise OpsError(
        f"--out {out}: expected a file that can be written, found {found}: {remedy}", Exit.USAGE
    )


def _beside(out: Path) -> Path:
    return out.with_name(f".{out.name}.{os.getpid()}")


def _write(out: Path, minutes: Sequence[Minute]) -> None:
    """Write the file beside its place, and put it there whole."""
    from ops.scaling.history import write_csv  # noqa: PLC0415

    beside = _beside(out)
    try:
        if out.suffix == ".gz":
            with gzip.open(beside, "wt", encoding="utf-8", newline="") as file:
                write_csv(file, minutes)
        else:
            with beside.open("w", encoding="utf-8", newline="") as file:
                write_csv(file, minutes)
        beside.replace(out)
    except OSError as error:
        why = error.strerror or str(error)
        raise OpsError(
            f"--out {out}: expected a file that can be written: {why}: name another place"
        ) from error
    finally:
        with suppress(OSError):
            beside.unlink()


def _data(
    queue: str, minutes: Sequence[Minute], learnt: RunTimes | None, out: Path | None
) -> dict[str, object]:
    from ops.scaling.history import missing  # noqa: PLC0415

    return {
        "queue": queue,
        "file": None if out is None else str(out),
        "messages": sum(each.messages for each in minutes),
        "minutes": [[each.at, each.messages] for each in minutes],
        "missing_minutes": missing(minutes),
        "service": None
        if learnt is None
        else {
            "mean_seconds": learnt.mean_seconds,
            "cv": learnt.cv,
            "completions": learnt.completions,
        },
    }
