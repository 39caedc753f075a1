"""A plan on the command line: shown, made with `--yes`, and its exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ops.cli.output import print_json, print_table, progress, say
from ops.errors import Exit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

#: A line of a plan: what it says, by column; None is nothing.
Row = dict[str, str | None]


def show_and_apply(
    fleet: str,
    rows: Sequence[Row],
    *,
    yes: bool,
    as_json: bool,
    nothing: str,
    steps: int,
    take: Callable[[Callable[[str], None]], None],
    afterwards: str = "",
    left_out: Sequence[str] | None = None,
    flags: str = "--yes",
) -> int:
    """Show a plan and, with `yes`, carry it out; return 3 if it differs and nothing was done.

    `rows` are its lines, `nothing` is said where there are none. `take` takes its `steps`, and
    tells what it is about before each; `afterwards` is what to know then. `left_out` is what the
    plan cannot put right, for who reads it as JSON; None where there can be no such thing. `flags`
    are what has it carried out.
    """
    if not as_json:
        _print(rows, nothing)
    if yes and steps:
        with progress("applying", steps) as step:
            take(step)
        say(f"{steps} {'step' if steps == 1 else 'steps'} done{afterwards}")
    if as_json:
        more = {} if left_out is None else {"left_out": list(left_out)}
        print_json({"fleet": fleet, "applied": yes, "changes": list(rows), **more})
    if steps and not yes:
        say(f"nothing was changed: run it again with {flags} to apply this plan")
        return Exit.DRIFTED
    return Exit.DONE


def _print(rows: Sequence[Mapping[str, Any]], nothing: str) -> None:
    if not rows:
        say(nothing)
        return
    columns = tuple(rows[0])
    print_table(columns, [[row[column] or "-" for column in columns] for row in rows])
