"""`ops stack`: the fleet's CloudFormation stacks, from the manifest."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from ops.cli.context import Ops, json_option, pass_ops
from ops.cli.counting import waiting
from ops.cli.output import print_json, print_table, progress, say
from ops.errors import Exit, OpsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ops.cli.plans import Row
    from ops.stack.applied import Applied
    from ops.stack.changes import Ended, Proposal
    from ops.stack.flow import Stacks
    from ops.stack.together import Told

_COLUMNS = ("stack", "change", "resource", "type", "what")
_queues = click.argument("queues", nargs=-1)


@click.group()
def stack() -> None:
    """Show, apply and remove the fleet's stacks on AWS.

    One stack holds what the queues share, and one each queue with its nodes. With QUEUES only
    theirs are looked at.
    """


@stack.command()
@_queues
@json_option
@pass_ops
def plan(ops: Ops, queues: tuple[str, ...], as_json: bool) -> int:
    """Show what would change in the stacks, by CloudFormation's change sets; nothing is changed.

    Exits 3 if something would.
    """
    found, proposals = _propose(ops, queues)
    found.withdraw(proposals.values(), progress)
    _show(found, proposals, as_json=as_json)
    return _waits(proposals)


@stack.command()
@_queues
@click.option("--yes", is_flag=True, help="Make the changes of the plan.")
@json_option
@pass_ops
def apply(ops: Ops, queues: tuple[str, ...], yes: bool, as_json: bool) -> int:
    """Show what would change in the stacks; with --yes, change them, the queues' all at once.

    Stops at the first failure, with the event that caused it: what is under way comes to its end,
    and nothing more is begun. Running it again goes on from there.
    """
    from ops.stack.applying import apply as apply_all  # noqa: PLC0415

    found, proposals = _propose(ops, queues)
    if not yes:
        found.withdraw(proposals.values(), progress)
        _show(found, proposals, as_json=as_json)
        return _waits(proposals)
    if not as_json:
        _show(found, proposals, as_json=False)
    # A new shared stack is made in two halves.
    with _telling(len(proposals) + found.is_new) as told:
        done = apply_all(found, proposals, progress, told)
    return _end(found.fleet.name, done, as_json=as_json)


@stack.command()
@_queues
@json_option
@pass_ops
def drift(ops: Ops, queues: tuple[str, ...], as_json: bool) -> int:
    """Show what was changed by hand in what the stacks made, by CloudFormation's comparison.

    Exits 3 if something was.
    """
    from ops.stack.drifted import drifted  # noqa: PLC0415

    fleet = ops.fleet()
    rows = [one.row() for one in drifted(fleet, queues, progress)]
    if as_json:
        print_json({"fleet": fleet.name, "drift": rows})
    elif rows:
        columns = tuple(rows[0])
        print_table(columns, [[row[column] or "-" for column in columns] for row in rows])
    else:
        say("everything is as the stacks have it")
    return Exit.DRIFTED if rows else Exit.DONE


@stack.command()
@_queues
@click.option("--force", is_flag=True, help="Also where a queue holds messages: they are lost.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@pass_ops
def destroy(ops: Ops, queues: tuple[str, ...], force: bool, yes: bool, as_json: bool) -> int:
    """Delete the stacks of QUEUES, also of queues that left the manifest; without, all of them.

    Asks first, and refuses while a queue holds messages. What must outlive a fleet is kept: the
    table of `once`, and buckets.
    """
    from ops.stack.removing import Removal  # noqa: PLC0415

    fleet = ops.fleet()
    removal = Removal.read(fleet, queues)
    if removal.held and not force:
        lines = "\n".join(removal.held)
        raise OpsError(f"{lines}\nwait until they are empty, or lose them with --force")
    if not removal.stacks:
        say(f"{fleet.name} has no stacks")
        if as_json:
            print_json({"fleet": fleet.name, "stacks": [], "left": []})
        return Exit.DONE
    if not yes:
        _confirm(fleet.name, removal.stacks, removal.held)
    with _telling(len(removal.stacks)) as told:
        done = removal.carry_out(told)
    return _end(fleet.name, done, as_json=as_json)


def _propose(ops: Ops, queues: Sequence[str]) -> tuple[Stacks, dict[str, Proposal]]:
    from ops.stack.flow import Stacks  # noqa: PLC0415
    from worker.fleet import UnknownQueueError  # noqa: PLC0415

    fleet = ops.fleet()
    try:
        found = Stacks.read(fleet, queues)
    except UnknownQueueError as error:
        raise OpsError(f"{fleet.path}: {error}", Exit.USAGE) from error
    return found, found.propose(progress)


def _show(found: Stacks, proposals: Mapping[str, Proposal], *, as_json: bool) -> None:
    rows: list[Row] = [
        change.row(name) for name, one in proposals.items() for change in one.changes
    ]
    left_over = found.left_over()
    if as_json:
        print_json({"fleet": found.fleet.name, "changes": rows, "left_over": list(left_over)})
    elif rows:
        print_table(_COLUMNS, [[row[column] or "-" for column in _COLUMNS] for row in rows])
    for queue in left_over:
        say(f"{queue}: has a stack and is no longer in the manifest: ops stack destroy {queue}")
    if found.is_behind:
        say(
            "the scaling engine and the forwarder have another manifest: ops stack apply, without "
            "QUEUES, brings them this one"
        )
    waiting_for = {one.waits_for for one in proposals.values() if one.waits_for}
    for name in sorted(waiting_for):
        say(f"{name} is not there yet: what the queues' stacks would create is read off them")


def _waits(proposals: Mapping[str, Proposal]) -> int:
    count = sum(len(one.changes) for one in proposals.values())
    if not count:
        say("the stacks are as the manifest wants them")
        return Exit.DONE
    what = "1 change" if count == 1 else f"{count} changes"
    lost = sum(change.loses for one in proposals.values() for change in one.changes)
    loss = f", {lost} of them delete or replace what is there" if lost else ""
    say(f"{what}{loss}: nothing was changed: make them with ops stack apply --yes")
    return Exit.DRIFTED


@contextmanager
def _telling(total: int) -> Iterator[Told]:
    from ops.stack.together import Told  # noqa: PLC0415

    count = 0

    def hear(ended: Ended) -> None:
        nonlocal count
        count += 1
        say(f"{count} of {max(total, count)}: {ended.in_words()}")

    told = Told(hear)
    with waiting("stacks", lambda: ", ".join(sorted(told.going))):
        yield told


def _end(fleet: str, done: Applied, *, as_json: bool) -> int:
    if as_json:
        print_json(
            {
                "fleet": fleet,
                "stacks": [
                    {
                        "stack": one.stack,
                        "status": one.status,
                        "failure": one.failure or None,
                        "seconds": round(one.seconds, 1),
                    }
                    for one in done.ended
                ],
                "left": sorted(done.left),
            }
        )
    if not done.well:
        raise OpsError("\n".join(done.troubles()))
    return Exit.DONE


def _confirm(fleet: str, stacks: Sequence[str], held: Sequence[str]) -> None:
    if not sys.stdin.isatty():
        raise OpsError("expected an answer, stdin is no terminal: add --yes", Exit.USAGE)
    for name in stacks:
        say(f"delete {name}")
    for line in held:
        say(f"{line}: they are lost")
    if click.prompt(f"type {fleet} to delete these stacks", err=True) != fleet:
        raise OpsError("nothing was deleted", Exit.FAILED)
