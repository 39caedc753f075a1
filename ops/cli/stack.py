"""`ops stack`: the fleet's CloudFormation stacks, from the manifest."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ops.cli.context import Ops, json_option, pass_ops
from ops.cli.counting import until_progress, waiting
from ops.cli.output import print_json, progress, say
from ops.cli.stack_release import say_release
from ops.cli.stack_telling import end, show, show_drift, still, telling, waits
from ops.errors import Exit, OpsError

if TYPE_CHECKING:
    from ops.stack.changes import Proposal
    from ops.stack.flow import Stacks
    from ops.stack.held import Held

_THERE = "AWS: the stacks that are there"

_queues = click.argument("queues", nargs=-1)
_revert = click.option(
    "--revert-drift", is_flag=True, help="Also put back what was changed or deleted by hand."
)
_replace = click.option(
    "--replace",
    "replaced",
    multiple=True,
    metavar="NAME",
    help="Replace or delete this queue, table or bucket, with what it holds; as often as needed.",
)
_import = click.option(
    "--import",
    "named",
    multiple=True,
    metavar="NAME",
    help="Take what is there by this name and carries no fleet's tag; as often as needed.",
)


@click.group()
def stack() -> None:
    """Show, apply and remove the fleet's stacks on AWS.

    One stack holds what the queues share, and one each queue with its nodes. With QUEUES only
    theirs are looked at.
    """


@stack.command()
@_queues
@_import
@_revert
@json_option
@pass_ops
def plan(
    ops: Ops, queues: tuple[str, ...], named: tuple[str, ...], revert_drift: bool, as_json: bool
) -> int:
    """Show what would change in the stacks, by CloudFormation's change sets; nothing is changed.

    That is what the templates bring. What was changed by hand is compared, and what would be put
    back is shown, with --revert-drift.

    Exits 3 if something would, or if CloudFormation is at work on a stack: what would change there
    is not known before it is at rest.
    """
    found, proposals = _propose(ops, queues, named, revert=revert_drift)
    found.withdraw(proposals.values(), progress)
    show(found, proposals, as_json=as_json)
    if found.has_bucket:
        say_release(found)
    return waits(found, proposals)


@stack.command()
@_queues
@_import
@_replace
@_revert
@click.option("--yes", is_flag=True, help="Make the changes of the plan.")
@json_option
@pass_ops
def apply(
    ops: Ops,
    queues: tuple[str, ...],
    *,
    named: tuple[str, ...],
    replaced: tuple[str, ...],
    revert_drift: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """Show what would change in the stacks; with --yes, change them, the queues' all at once.

    Stops at the first failure, with the event that caused it: what is under way comes to its end,
    and nothing more is begun. Running it again goes on from there. Where CloudFormation is still at
    work on a stack it is waited for, for up to an hour.

    A change that would replace or delete a queue, a table or a bucket with what it holds is refused
    unless --replace names it.

    With --revert-drift what was changed by hand is put back, and what was deleted is made again,
    empty; it is compared once more in the end. Exits 3 if something is still not as it is to be.
    """
    from ops.stack.applying import apply as apply_all  # noqa: PLC0415
    from ops.stack.losing import losses  # noqa: PLC0415

    found, proposals = _propose(ops, queues, named, wait=yes, revert=revert_drift)
    if not yes:
        found.withdraw(proposals.values(), progress)
        show(found, proposals, as_json=as_json, replaced=replaced)
        if found.has_bucket:
            say_release(found)
        return waits(found, proposals)
    refused = losses(proposals.values(), replaced)
    if refused:
        found.withdraw(proposals.values(), progress)
    try:
        if not as_json:
            show(found, proposals, as_json=False, replaced=replaced)
    except BaseException:
        # Nobody has seen it, whatever stdout is: nothing is to be made of it, nor left of it.
        say("nothing was changed: the plan could not be shown")
        found.withdraw(proposals.values(), progress)
        raise
    if as_json:
        for note in (note for one in proposals.values() for note in one.notes):
            say(note)
    if refused:
        # The plan has said why; JSON is of what was done.
        why = "\n".join(one.in_words() for one in refused) if as_json else "nothing was changed"
        raise OpsError(why)
    # A shared stack without a bucket is made in two halves.
    with telling(len(proposals) + (found.first is not None)) as told:
        done = apply_all(found, proposals, progress, told)
    code = end(found.fleet.name, done, as_json=as_json)
    say_release(found)
    if not revert_drift:
        return code
    from ops.stack.drifted import compare  # noqa: PLC0415

    return still(compare(found.client, [each.name for each in found.plans], progress).drifts)


@stack.command()
@_queues
@json_option
@pass_ops
def drift(ops: Ops, queues: tuple[str, ...], as_json: bool) -> int:
    """Show what was changed by hand in what the stacks made, by CloudFormation's comparison.

    Exits 3 if something was. The minimum of a group that a window of scaling has set is none of it.
    """
    from ops.stack.drifted import drifted  # noqa: PLC0415

    fleet = ops.fleet()
    with until_progress("stacks", _THERE) as comparing:
        found = drifted(fleet, queues, comparing)
    if as_json:
        rows = [one.row() for one in found.drifts]
        windows = [one.row() for one in found.by_windows]
        print_json({"fleet": fleet.name, "drift": rows, "by_windows": windows})
    else:
        show_drift(found)
    return Exit.DRIFTED if found.drifts else Exit.DONE


@stack.command()
@_queues
@click.option("--force", is_flag=True, help="Also where a queue holds messages: they are lost.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@pass_ops
def destroy(ops: Ops, queues: tuple[str, ...], force: bool, yes: bool, as_json: bool) -> int:
    """Delete the stacks of QUEUES, also of queues that left the manifest; without, all of them.

    Asks first, and refuses while a queue holds messages. They are counted again a minute later, as
    SQS's counts lag, and right before each stack's deletion: stop what sends before. What must
    outlive a fleet is kept: the table of `once`, and buckets.
    """
    from ops.stack.held import in_words  # noqa: PLC0415
    from ops.stack.removing import Removal  # noqa: PLC0415

    fleet = ops.fleet()
    with waiting("destroy", lambda: f"{_THERE}, and what they hold"):
        removal = Removal.read(fleet, queues)
    if removal.held and not force:
        raise OpsError(in_words(removal.held))
    if not removal.stacks and not removal.queues:
        say(f"{fleet.name} has no stacks")
        if as_json:
            print_json({"fleet": fleet.name, "stacks": [], "left": []})
        return Exit.DONE
    if not yes:
        _confirm(fleet.name, removal.stacks, removal.held)
    if not force:
        with waiting("destroy", lambda: "SQS's counts, which lag by up to a minute"):
            removal = removal.counted_again()
        if removal.held:
            raise OpsError(f"nothing was deleted\n{in_words(removal.held)}")
    with telling(len(removal.queues) + bool(removal.shared)) as told:
        done = removal.carry_out(told, force=force)
    return end(fleet.name, done, as_json=as_json)


def _propose(
    ops: Ops,
    queues: Sequence[str],
    named: Sequence[str],
    *,
    wait: bool = False,
    revert: bool = False,
) -> tuple[Stacks, dict[str, Proposal]]:
    from ops.stack.flow import Stacks  # noqa: PLC0415
    from worker.fleet import UnknownQueueError  # noqa: PLC0415

    fleet = ops.fleet()
    try:
        with waiting("stacks", lambda: f"{_THERE}, and what nodes may be made of"):
            found = Stacks.read(fleet, queues, revert=revert, named=named)
    except UnknownQueueError as error:
        raise OpsError(f"{fleet.path}: {error}", Exit.USAGE) from error
    if wait and found.busy:
        for name, status in found.busy.items():
            say(f"{name}: {status}: waiting until it is at rest")
        going: set[str] = set()
        with waiting("stacks", lambda: ", ".join(sorted(going.copy()))):
            found = found.at_rest(going)
    with until_progress("stacks", _THERE) as proposing:
        return found, found.propose(proposing)


def _confirm(fleet: str, stacks: Sequence[str], held: Sequence[Held]) -> None:
    if not sys.stdin.isatty():
        raise OpsError("expected an answer, stdin is no terminal: add --yes", Exit.USAGE)
    for name in stacks:
        say(f"delete {name}")
    for one in held:
        say(f"{one.name} holds messages: {one.what}: they are lost")
    if click.prompt(f"type {fleet} to delete these stacks", err=True) != fleet:
        raise OpsError("nothing was deleted", Exit.FAILED)
