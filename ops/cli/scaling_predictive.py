"""`ops scaling predictive`: AWS's predictive scaling policies on the queues' groups."""

from __future__ import annotations

import click

from ops.cli.context import Ops, json_option, pass_ops
from ops.cli.counting import until_progress
from ops.cli.output import say
from ops.cli.plans import show_and_apply
from ops.errors import Exit


@click.command()
@click.option("--yes", is_flag=True, help="Make the changes of the plan.")
@json_option
@pass_ops
def predictive(ops: Ops, yes: bool, as_json: bool) -> int:
    """Show what differs of AWS's predictive scaling; with --yes, put it right.

    The group of a queue with predict = "aws" gets the policy fleet-predict, for which the engine
    has measured how long tasks run; the group of any other loses it. Policies of other names stay.
    Exits 3 if something differs and nothing was changed, or if a queue cannot have its policy.
    """
    import time  # noqa: PLC0415

    from ops.scaling.predictive import Predictive  # noqa: PLC0415

    fleet = ops.fleet()
    with until_progress("predictive", "AWS: the groups that are there") as reading:
        found = Predictive.read(fleet, time.time(), lambda total: reading("reading groups", total))
    for each in found.left_out:
        say(each)
    code = show_and_apply(
        fleet.name,
        found.rows(),
        yes=yes,
        as_json=as_json,
        nothing="the policies are as the manifest wants them"
        if not found.left_out
        else "nothing else differs from the manifest",
        steps=len(found.steps),
        take=found.apply,
        left_out=found.left_out,
    )
    return Exit.DRIFTED if found.left_out else code
