"""`ops stores`: the tables and buckets that the fleet keeps beside its queues."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ops.cli.context import Ops, json_option, pass_ops
from ops.cli.output import print_json, print_table, progress, say
from ops.errors import Exit, OpsError

if TYPE_CHECKING:
    from ops.stores.flow import Stores
    from ops.stores.step import Plan


@click.group()
def stores() -> None:
    """Create, correct and show the fleet's tables and buckets."""


@stores.command()
@click.option("--yes", is_flag=True, help="Make the changes of the plan.")
@json_option
@pass_ops
def apply(ops: Ops, yes: bool, as_json: bool) -> int:
    """Show what differs from the manifest in DynamoDB and S3; with --yes, create and correct it.

    Without --yes nothing is changed, and the command exits 3 if something differs.
    """
    from ops.stores.act import act  # noqa: PLC0415

    found = _read(ops)
    planned = found.plan
    if planned.refusals:
        raise OpsError("\n".join(planned.refusals))
    if not as_json:
        _print_plan(planned)
    if yes and planned.steps:
        with progress("applying", len(planned.steps)) as step:
            act(found.clients, planned, step)
        say(f"{len(planned.steps)} steps done")
    if as_json:
        print_json({"fleet": found.fleet.name, "applied": yes, "changes": _as_data(planned)})
    if planned.steps and not yes:
        say("nothing was changed: run it again with --yes to apply this plan")
        return Exit.DRIFTED
    return Exit.DONE


@stores.command()
@json_option
@pass_ops
def show(ops: Ops, as_json: bool) -> int:
    """Show each table and bucket, what it is for, and whether it is as the manifest wants it.

    Exits 3 if one is not.
    """
    found = _read(ops)
    rows = found.rows()
    if as_json:
        print_json({"fleet": found.fleet.name, "stores": rows})
    else:
        columns = ("store", "kind", "for", "state")
        print_table(columns, [[row[column] for column in columns] for row in rows])
    return Exit.DRIFTED if found.plan.steps or found.plan.refusals else Exit.DONE


def _read(ops: Ops) -> Stores:
    from ops.stores.flow import Stores  # noqa: PLC0415

    return Stores.read(ops.fleet(), lambda total: progress("reading stores", total))


def _print_plan(planned: Plan) -> None:
    if not planned.steps:
        say("the tables and buckets are as the manifest wants them")
        return
    print_table(
        ("store", "what", "why", "from", "to"),
        [(c.store, c.what, c.why, c.before or "-", c.after) for c in planned.changes],
    )


def _as_data(planned: Plan) -> list[dict[str, Any]]:
    return [
        {"store": c.store, "what": c.what, "why": c.why, "from": c.before, "to": c.after}
        for c in planned.changes
    ]
