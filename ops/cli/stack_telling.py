"""What `ops stack` says: the plan, how each stack ended, what is left to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from ops.cli.counting import waiting
from ops.cli.output import print_json, print_table, say
from ops.errors import Exit, OpsError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from ops.cli.plans import Row
    from ops.stack.applied import Applied
    from ops.stack.changes import Ended, Proposal
    from ops.stack.drift import Drift
    from ops.stack.drifted import Compared
    from ops.stack.flow import Stacks
    from ops.stack.together import Told

_COLUMNS = ("stack", "change", "resource", "type", "what")
#: A cell of a plan may list properties; of two values of drift each is to be seen beside the other.
_PLAN_CHARACTERS: Final = 120
_VALUE_CHARACTERS: Final = 40
_GAP: Final = " ... "


def show(
    found: Stacks,
    proposals: Mapping[str, Proposal],
    *,
    as_json: bool,
    replaced: Collection[str] = (),
) -> None:
    """Show a plan: the changes on stdout, what goes with them on stderr.

    `replaced` are names of what is to lose its data.
    """
    from ops.stack.losing import losses  # noqa: PLC0415
    from ops.stack.states import is_there  # noqa: PLC0415
    from ops.stack.windows import notes  # noqa: PLC0415

    rows: list[Row] = [
        change.row(name) for name, one in proposals.items() for change in one.changes
    ]
    left_over = found.left_over()
    told = [
        *found.notes,
        *notes(found.fleet, found.queues),
        *_kept(found),
        *(note for one in proposals.values() for note in one.notes),
    ]
    if as_json:
        busy = [{"stack": name, "status": status} for name, status in found.busy.items()]
        print_json(
            {
                "fleet": found.fleet.name,
                "changes": rows,
                "busy": busy,
                "left_over": list(left_over),
                "notes": told,
            }
        )
    elif rows:
        print_rows(_COLUMNS, rows, _PLAN_CHARACTERS)
    for note in told:
        say(note)
    for loss in losses(proposals.values(), replaced):
        say(loss.in_words())
    for queue in left_over:
        say(f"{queue}: has a stack and is no longer in the manifest: ops stack destroy {queue}")
    if found.is_behind:
        say(
            "the scaling engine and the forwarder have another manifest: ops stack apply, without "
            "QUEUES, brings them this one"
        )
    for name, status in found.busy.items():
        say(f"{name}: {status}: what would change there is told once it is at rest")
    for name, one in proposals.items():
        if one.remakes:
            say(f"{name}: its first creation failed: it is deleted, empty as it is, and made anew")
        for step in one.steps:
            say(f"{name}: {step}")
    waiting_for = {one.waits_for for one in proposals.values() if one.waits_for}
    for name in sorted(waiting_for):
        there = is_there(found.there.status(name))
        how = "does not export yet what they import" if there else "is not there yet"
        say(f"{name} {how}: what the queues' stacks would create is read off them")


def _kept(found: Stacks) -> Iterator[str]:
    if found.shared is not None and found.account.cluster_users:
        users = ", ".join(found.account.cluster_users)
        yield (
            f"{found.shared.name}: the cluster stays while {users} imports it: it goes with the "
            "ops stack apply after that has changed or is deleted"
        )


def waits(found: Stacks, proposals: Mapping[str, Proposal]) -> int:
    """Say that a plan was not carried out; return the exit code."""
    count = sum(len(one.changes) for one in proposals.values())
    if not count and found.busy:
        say(f"the templates bring no change to the other stacks{_by_hand(found)}")
        return Exit.DRIFTED
    if not count:
        say(f"the templates bring no change{_by_hand(found)}")
        return Exit.DONE
    what = "1 change" if count == 1 else f"{count} changes"
    lost = sum(change.loses for one in proposals.values() for change in one.changes)
    loss = f", {lost} of them delete or replace what is there" if lost else ""
    make = "ops stack apply --revert-drift --yes" if found.revert else "ops stack apply --yes"
    say(f"{what}{loss}: nothing was changed: make them with {make}")
    return Exit.DRIFTED


def _by_hand(found: Stacks) -> str:
    if found.revert:
        return ", and nothing that CloudFormation compares was changed by hand"
    return "; what was changed by hand: ops stack drift"


def show_drift(found: Compared) -> None:
    """Show what drifted, on stdout, and what to do about it, on stderr."""
    rows = [one.row() for one in found.drifts]
    if rows:
        print_rows(tuple(rows[0]), rows, _VALUE_CHARACTERS)
    for one in found.by_windows:
        place = f"{one.stack}: {one.resource}.{one.place}"
        say(f"{place}: a window of scaling has set it to {one.found}, which is no drift")
    if not rows:
        say("everything that CloudFormation compares is as the stacks have it")
        return
    say(
        "put it back: ops stack apply --revert-drift --yes (what was deleted is made again, empty; "
        "ops stack plan --revert-drift shows it); what is to stay goes into the manifest"
    )


def still(drifts: Iterable[Drift]) -> int:
    """Say what is not as its stack has it after all was put back; return the exit code."""
    code = Exit.DONE
    for one in drifts:
        code = Exit.DRIFTED
        place = f"{one.resource}.{one.place}" if one.place else one.resource
        wanted, found = (shortened(each, _VALUE_CHARACTERS) for each in (one.wanted, one.found))
        what = f"expected {wanted}, found {found}" if one.place else "it was deleted"
        say(f"{one.stack}: {place}: it was not put back: {what}: run it again, or do it by hand")
    return code


def print_rows(columns: Sequence[str], rows: Iterable[Mapping[str, str | None]], most: int) -> None:
    """Print rows as a table, cells of more characters shortened: --json has them whole."""
    cells = [[shortened(row[column] or "-", most) for column in columns] for row in rows]
    print_table(columns, cells)


def shortened(text: str, most: int) -> str:
    """Return a text of at most so many characters: where it is longer its middle is left out."""
    if len(text) <= most:
        return text
    half = (most - len(_GAP)) // 2
    return f"{text[:half]}{_GAP}{text[-half:]}"


@contextmanager
def telling(total: int) -> Iterator[Told]:
    """Say how each of `total` stacks ended, and now and then which are under way."""
    from ops.stack.together import Told  # noqa: PLC0415

    count = 0

    def hear(ended: Ended) -> None:
        nonlocal count
        count += 1
        say(f"{count} of {max(total, count)}: {ended.in_words()}")

    told = Told(hear)
    with waiting("stacks", lambda: ", ".join(sorted(told.going.copy()))):
        yield told


def end(fleet: str, done: Applied, *, as_json: bool) -> int:
    """Show what became of the stacks; return the exit code. Raises OpsError where one failed."""
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
