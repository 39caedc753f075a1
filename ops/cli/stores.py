"""`ops stores`: the tables and buckets that the fleet keeps beside its queues."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ops.cli.context import Ops, json_option, pass_ops
from ops.cli.output import print_json, print_table, progress, say
from ops.cli.plans import show_and_apply
from ops.errors import Exit, OpsError

if TYPE_CHECKING:
    from ops.stores.flow import Stores


@click.group()
def stores() -> None:
    """Create, correct and show the fleet's tables and buckets."""


@stores.command()
@click.option("--yes", is_flag=True, help="Make the changes of the plan.")
@click.option("--adopt", is_flag=True, help="Take also what is there without a fleet's tag.")
@json_option
@pass_ops
def apply(ops: Ops, yes: bool, adopt: bool, as_json: bool) -> int:
    """Show what differs from the manifest in DynamoDB and S3; with --yes, create and correct it.

    Without --yes nothing is changed, and the command exits 3 if something differs. A table or
    bucket that is there and has no fleet's tag is taken for this fleet with --adopt alone.
    """
    from ops.stores.act import act  # noqa: PLC0415

    found = _read(ops)
    planned = found.plan
    if planned.refusals:
        raise OpsError("\n".join(planned.refusals))
    unowned = () if adopt else planned.unowned
    if unowned and yes:
        raise OpsError("\n".join((*unowned, "nothing was changed")))
    for each in unowned:
        say(each)
    return show_and_apply(
        found.fleet.name,
        [
            {"store": c.store, "what": c.what, "why": c.why, "from": c.before, "to": c.after}
            for c in planned.changes
        ],
        yes=yes,
        as_json=as_json,
        nothing="the tables and buckets are as the manifest wants them",
        steps=len(planned.steps),
        take=lambda step: act(found.clients, planned, step),
        left_out=unowned,
        flags="--yes --adopt" if planned.unowned else "--yes",
    )


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
