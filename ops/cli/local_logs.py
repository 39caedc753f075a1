"""`ops local logs`: what the nodes, the tasks and the local AWS have written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from ops.cli.context import Ops, pass_ops
from ops.cli.local_place import folder_of
from ops.errors import Exit, OpsError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


@click.command()
@click.argument("node")
@click.option("--unit", help="Only this unit's or container's: agent, worker, user-data, machine.")
@click.option("--follow", is_flag=True, help="Go on with what is written, until the node ends.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: an object a line of a log.")
@pass_ops
def logs(ops: Ops, node: str, unit: str | None, follow: bool, as_json: bool) -> int:
    """Show the logs of NODE, or of the local AWS itself (aws).

    NODE is the id of an instance or of a task, or a part of it that no other has; also of one that
    has ended.
    """
    from ops.local import tail  # noqa: PLC0415
    from ops.local.running import LOG  # noqa: PLC0415

    folder = folder_of(ops)
    if node == "aws":
        own = folder / LOG
        if not own.exists():
            raise OpsError(f"{own}: expected a log, found none: ops local up")
        pieces = tail.follow(lambda: [own], None) if follow else tail.read([own])
        headed = False
    else:
        place = tail.node_folder(folder, node)
        found = tail.logs(place, unit)
        pieces = tail.follow(lambda: tail.logs(place, unit), place) if follow else tail.read(found)
        headed = follow or len(found) != 1
    if as_json:
        _print_lines(pieces)
    else:
        _show(pieces, headed=headed)
    return Exit.DONE


def _show(pieces: Iterable[tuple[Path, str]], *, headed: bool) -> None:
    last: Path | None = None
    for path, piece in pieces:
        if headed and path != last:
            click.echo(f"==> {path.stem} <==")
        last = path
        click.echo(piece, nl=False)


def _print_lines(pieces: Iterable[tuple[Path, str]]) -> None:
    begun: dict[str, str] = {}
    for path, piece in pieces:
        *whole, begun[path.stem] = (begun.get(path.stem, "") + piece).split("\n")
        for line in whole:
            _print_line(path.stem, line)
    for log, line in begun.items():
        if line:
            _print_line(log, line)


def _print_line(log: str, line: str) -> None:
    click.echo(json.dumps({"log": log, "line": line}))
