"""`ops tasks`: publish tasks, and ask after them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import click

from ops.cli.context import Ops, json_option, pass_ops
from ops.cli.counting import waiting
from ops.cli.output import print_json, print_table
from ops.cli.tasks_publish import publish
from ops.errors import Exit, OpsError

if TYPE_CHECKING:
    from ops.tasks.status import Status

# `--json` shows all of a result.
_SHOWN_CHARACTERS: Final = 400


@click.group()
def tasks() -> None:
    """Publish tasks, and ask after them."""


tasks.add_command(publish)


@tasks.command()
@click.argument("task_id", metavar="ID")
@json_option
@pass_ops
def status(ops: Ops, task_id: str, as_json: bool) -> int:
    """Show what is kept of a task: its state, its result or error, and when it was done.

    Exits 0 if something is kept, whatever the state, and 1 if nothing is: then the task waits,
    runs, never was, or its result has expired. Only what has ended is kept.
    """
    from ops.tasks.status import status as ask  # noqa: PLC0415

    fleet = ops.fleet()
    with waiting("status", lambda: "where results are kept"):
        found = ask(fleet, task_id)
    if as_json:
        print_json({"id": task_id, "state": None} if found is None else _as_data(found))
        return Exit.FAILED if found is None else Exit.DONE
    if found is None:
        raise OpsError(
            f"{task_id}: no result is kept: it waits or runs, there is no such task, or its "
            "result has expired"
        )
    shown = found.error if found.error is not None else json.dumps(found.result)
    cut = shown if len(shown) <= _SHOWN_CHARACTERS else f"{shown[:_SHOWN_CHARACTERS]}..."
    print_table(
        ("id", "state", "done", "result"), [(task_id, found.state, found.done_at or "-", cut)]
    )
    return Exit.DONE


def _as_data(found: Status) -> dict[str, Any]:
    return {
        "id": found.task_id,
        "state": found.state,
        "result": found.result,
        "error": found.error,
        "done_at": found.done_at,
    }
