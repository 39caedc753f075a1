"""`ops scaling policy`: how each queue is scaled, and changing it in the manifest."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

from ops.cli.context import Ops, json_option, pass_ops
from ops.cli.output import print_json, print_line, print_table, say
from ops.cli.plans import show_and_apply
from ops.cli.scaling_pin import queue_of
from ops.errors import Exit, OpsError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ops.scaling.listing import Listed
    from ops.scaling.manifest_file import ManifestFile
    from worker.fleet import Fleet

_yes = click.option("--yes", is_flag=True, help="Write the change into the manifest.")


@click.group()
def policy() -> None:
    """Show how the queues are scaled, and change it in the manifest."""


@policy.command("list")
@json_option
@pass_ops
def list_(ops: Ops, as_json: bool) -> None:
    """Show each queue's bounds, policies and promise, its windows, and what to beware of."""
    import time  # noqa: PLC0415

    from ops.scaling.listing import listing  # noqa: PLC0415

    fleet = ops.fleet()
    found = listing(fleet, time.time())
    if as_json:
        print_json({"fleet": fleet.name, "queues": [each.as_data() for each in found]})
        return
    _print_queues(found)
    _print_windows(found)
    for each in found:
        _print_cautions(each, print_line)


@policy.command("set")
@click.argument("queue_name", metavar="QUEUE")
@click.argument("assignments", metavar="KEY=VALUE...", nargs=-1, required=True)
@_yes
@json_option
@pass_ops
def set_(ops: Ops, queue_name: str, assignments: Sequence[str], yes: bool, as_json: bool) -> int:
    """Show what KEY=VALUE would change of QUEUE; with --yes, write it into the manifest.

    KEY is runtime, slo.start_within, or a key of nodes or scaling; its last word is enough, as in
    max=40. KEY= takes it out, for the default. Comments and order stay as they are. Without --yes
    nothing is changed, and the command exits 3 if something differs.
    """
    from ops.scaling.assignments import parse  # noqa: PLC0415
    from ops.scaling.edit import set_key  # noqa: PLC0415

    keys = [parse(assignment) for assignment in assignments]
    twice = next((key for key, count in Counter(key for key, _ in keys).items() if count > 1), None)
    if twice is not None:
        raise OpsError(f"{'.'.join(twice)}: expected one value, got several: leave one", Exit.USAGE)

    def edit(text: str) -> str:
        for key, value in keys:
            text = set_key(text, queue_name, key, value)
        return text

    return _change(ops, queue_name, edit, yes=yes, as_json=as_json)


@policy.command()
@click.argument("queue_name", metavar="QUEUE")
@click.option("--begins", metavar="CRON", help='Five fields of cron, such as "0 8 * * MON-FRI".')
@click.option("--ends", metavar="CRON", help='The same, such as "0 18 * * MON-FRI".')
@click.option("--timezone", metavar="ZONE", help='Such as "America/New_York"; UTC unless given.')
@click.option("--min", type=int, help="The fewest nodes while it is in force.")
@click.option("--max", type=int, help="The most nodes while it is in force.")
@click.option("--desired", type=int, help="At least so many nodes, within the bounds.")
@click.option(
    "--remove", metavar="N", type=click.IntRange(1), help="Remove the window of this number."
)
@_yes
@json_option
@pass_ops
def schedule(
    ops: Ops,
    /,
    queue_name: str,
    *,
    remove: int | None,
    yes: bool,
    as_json: bool,
    **options: str | int | None,
) -> int:
    """Show a window that QUEUE would get, or lose; with --yes, write it into the manifest.

    A window sets the minimum, the maximum or the desired number of nodes from each of its
    beginnings to the next of its ends. `ops scaling policy list` numbers them. Without --yes
    nothing is changed, and the command exits 3 if something differs.
    """
    from ops.scaling.edit import add_window, remove_window  # noqa: PLC0415

    window = {key: value for key, value in options.items() if value is not None}
    if remove is None:
        if "begins" not in window or "ends" not in window:
            raise OpsError("expected --begins and --ends, or --remove: add them", Exit.USAGE)
    elif window:
        raise OpsError("--remove: expected no other option of a window: drop them", Exit.USAGE)
    else:
        _numbered(ops.fleet(), queue_name, remove)

    def edit(text: str) -> str:
        if remove is None:
            return add_window(text, queue_name, window)
        return remove_window(text, queue_name, remove - 1)

    return _change(ops, queue_name, edit, yes=yes, as_json=as_json)


def _numbered(fleet: Fleet, queue_name: str, number: int) -> None:
    count = len(queue_of(fleet, queue_name).scaling.windows)
    if number > count:
        raise OpsError(
            f"--remove: expected one of the {count} windows of {queue_name}, got {number}: "
            "ops scaling policy list numbers them",
            Exit.USAGE,
        )


def _change(
    ops: Ops, queue_name: str, edit: Callable[[str], str], *, yes: bool, as_json: bool
) -> int:
    """Show what an edit of the manifest's text changes of a queue, and make it with `yes`."""
    import time  # noqa: PLC0415

    from ops.scaling.listing import differences, listed  # noqa: PLC0415
    from ops.scaling.manifest_file import ManifestFile  # noqa: PLC0415

    file = ManifestFile.read(ops.fleet().path)
    before = queue_of(_loaded(file), queue_name)
    text = edit(file.text)
    after = queue_of(_loaded(ManifestFile(file.path, text)), queue_name)
    code = show_and_apply(
        _loaded(file).name,
        [
            {"queue": queue_name, "key": key, "from": old, "to": new}
            for key, old, new in differences(before, after)
        ],
        yes=yes,
        as_json=as_json,
        nothing=f"{file.path}: queues.{queue_name} says so already",
        steps=int(text != file.text),
        take=lambda step: _write(file, text, step),
    )
    _print_cautions(listed(after, time.time()), say)
    return code


def _write(file: ManifestFile, text: str, step: Callable[[str], None]) -> None:
    step(f"writing {file.path}")
    file.replace(text)


def _loaded(file: ManifestFile) -> Fleet:
    from worker.fleet import ManifestError, loads  # noqa: PLC0415

    try:
        return loads(file.text, file.path)
    except ManifestError as error:
        raise OpsError(str(error), Exit.USAGE) from error


def _print_queues(found: Sequence[Listed]) -> None:
    from ops.scaling.listing import promise_of, time_of  # noqa: PLC0415

    columns = (
        "queue",
        "nodes",
        "now",
        "policies",
        "promise",
        "predict",
        "headroom",
        "in force",
        "next change",
    )
    rows = []
    for each in found:
        settings, bounds = each.settings, each.bounds
        rows.append(
            (
                settings.queue,
                f"{settings.minimum} to {settings.maximum}",
                f"{bounds.minimum} to {bounds.maximum}",
                ", ".join(sorted(settings.policies)),
                promise_of(settings),
                settings.predict,
                str(settings.headroom),
                bounds.why or "-",
                time_of(each.next_change) or "-",
            )
        )
    print_table(columns, rows)


def _print_windows(found: Sequence[Listed]) -> None:
    from ops.scaling.listing import time_of  # noqa: PLC0415
    from ops.scaling.window_words import sets, when  # noqa: PLC0415

    rows = [
        (
            each.settings.queue,
            str(number),
            when(window),
            sets(window),
            "in force" if active else "-",
            f"{'ends' if active else 'begins'} {time_of(change)}" if change else "never",
        )
        for each in found
        for number, (window, active, change) in enumerate(each.windows(), 1)
    ]
    if rows:
        print_line("")
        print_table(("queue", "window", "when", "sets", "now", "next change"), rows)


def _print_cautions(each: Listed, write: Callable[[str], None]) -> None:
    for caution in each.cautions:
        write(f"queues.{each.settings.queue}.{caution.key}: caution: {caution.text}")
