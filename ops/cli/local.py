"""`ops local`: the whole fleet on this machine, against an AWS of its own."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from ops.cli.context import Ops, json_option, pass_ops
from ops.cli.counting import waiting
from ops.cli.local_logs import logs
from ops.cli.local_place import folder_of, found
from ops.cli.output import print_json, print_line, say
from ops.errors import Exit, OpsError


class Seconds(click.ParamType["float"]):
    """A duration as the manifest writes it, zero too."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read `0s`, `90s` or `3m`, in seconds."""
        from worker.manifest.problems import RefusedValueError  # noqa: PLC0415
        from worker.manifest.units import parse_duration  # noqa: PLC0415

        try:
            return 0.0 if value in {"0", "0s"} else float(parse_duration(value).total_seconds())
        except RefusedValueError as error:
            self.fail(str(error), param, ctx)


@click.group()
def local() -> None:
    """Run the whole fleet on this machine, against an AWS of its own.

    Its state is in .fleet-local beside the manifest, or in the folder that FLEET_LOCAL_DIR names.
    """


local.add_command(logs)


@local.command()
@click.option(
    "--fleet", "path", type=click.Path(path_type=Path), help="The manifest, as --manifest."
)
@click.option("--boot", type=Seconds(), default="0s", help="How long an instance takes to boot.")
@click.option("--port", type=click.IntRange(0, 65_535), default=0, help="Its AWS's; 0 is any.")
@click.option(
    "--minute",
    type=Seconds(),
    default="60s",
    help="How long a minute of a rate lasts; a cron goes by the wall clock.",
)
@click.option("--short-hooks", is_flag=True, help="Take lifecycle hooks shorter than AWS does.")
@json_option
@pass_ops
def up(  # noqa: PLR0917
    ops: Ops,
    path: Path | None,
    boot: float,
    port: int,
    minute: float,
    short_hooks: bool,
    as_json: bool,
) -> int:
    """Start an AWS of this machine in the background, empty but for what every account has.

    Then: ops local run -- ops stack apply.
    """
    if not minute:
        raise OpsError("--minute: expected more than 0s", Exit.USAGE)
    chosen = Ops(path or ops.path)
    fleet = chosen.fleet()
    from ops.local.images import Image  # noqa: PLC0415
    from ops.local.starting import start  # noqa: PLC0415

    image = fleet.aws.image
    now = [""]
    with waiting("starting", lambda: now[-1]):
        running = start(
            folder_of(chosen),
            fleet=fleet.name,
            manifest=Path(fleet.path),
            region=_region(fleet.region),
            image=image if image and image.startswith("/") else f"/{fleet.name}/image",
            made=Image.of(fleet),
            boot_seconds=boot,
            port=port,
            options=["--minute", str(minute), *(["--short-hooks"] if short_hooks else [])],
            step=now.append,
        )
    if as_json:
        print_json({"url": running.url, "pid": running.pid, "folder": str(folder_of(chosen))})
    else:
        print_line(f"{running.fleet}: up at {running.url} (process {running.pid})")
    say("ops local run -- COMMAND runs a command there; ops local down ends it")
    return Exit.DONE


@local.command()
@json_option
@pass_ops
def down(ops: Ops, as_json: bool) -> int:
    """End every process of the local fleet; its logs stay. Does nothing where none is up."""
    from ops.local.starting import processes, stop  # noqa: PLC0415

    now = [""]
    with waiting("ending", lambda: now[-1]):
        count = stop(folder_of(ops), now.append)
    if as_json:
        print_json({"ended": count})
    else:
        print_line(f"{processes(count)} ended" if count else "nothing was up")
    return Exit.DONE


@local.command()
@json_option
@pass_ops
def env(ops: Ops, as_json: bool) -> int:
    """Print the lines that lead a shell's commands to the local AWS: eval "$(ops local env)"."""
    from ops.local.environ import environment, lines  # noqa: PLC0415

    running, folder = found(ops), folder_of(ops)
    if as_json:
        print_json(environment(running, folder, {}))
    else:
        for line in lines(running, folder):
            print_line(line)
    return Exit.DONE


@local.command(context_settings={"ignore_unknown_options": True})
@click.option(
    "--node",
    help="As on this node, by any part of its id: ops local run --node ID -- ops node ping.",
)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@pass_ops
def run(ops: Ops, node: str | None, command: tuple[str, ...]) -> int:
    """Run a command against the local AWS, with this one's exit code: ops local run -- COMMAND."""
    from ops.local.environ import environment, on_node  # noqa: PLC0415
    from ops.local.tail import node_folder  # noqa: PLC0415

    env = environment(found(ops), folder_of(ops))
    if node is not None:
        env = on_node(node_folder(folder_of(ops), node), env)
    sys.stdout.flush()
    try:
        os.execvpe(command[0], command, env)  # noqa: S606  # its user's own
    except OSError as error:
        raise OpsError(
            f"{command[0]}: expected a program, found {error.strerror}: name one in PATH",
            Exit.USAGE,
        ) from error


@local.command()
@json_option
@pass_ops
def status(ops: Ops, as_json: bool) -> int:
    """Show the local fleet's queues, groups, nodes and tasks.

    Exits 3 where none is up, and where something is not known, which is shown as ?.
    """
    from ops.cli.local_status import show  # noqa: PLC0415
    from ops.local.look import look  # noqa: PLC0415

    seen = look(found(ops))
    if as_json:
        print_json(seen.json())
    else:
        show(seen)
    for trouble in seen.troubles:
        say(trouble)
    return Exit.DRIFTED if seen.troubles else Exit.DONE


def _region(manifest: str | None) -> str:
    region = manifest or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if not region:
        raise OpsError(
            'region: expected an AWS region, found none: add region = "eu-west-1" to the manifest '
            "or set AWS_REGION",
            Exit.USAGE,
        )
    return region
