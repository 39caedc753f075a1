"""The demo's command line: what it is given, and the ways in which it ends."""

import json
import os
import sys
import time
from pathlib import Path

import click
import imageio_ffmpeg

from media.demo.application import REPOSITORY
from media.demo.folder import fresh_folder
from media.demo.orders import Sizes
from media.demo.report import Report, as_data
from media.demo.scenario import Demo
from media.demo.stopping import Stop, Stopped
from media.demo.view import View
from ops.errors import Exit, OpsError

_AMOUNT = click.IntRange(1, 10_000)


def run(stop: Stop) -> int:
    """Run the demo by the command line; return the exit status, everything having been said.

    0: nothing was lost. 1: something was, or it could not be run. 2: wrong usage. 130: Ctrl-C.
    """
    try:
        status: int = main.main(prog_name="python -m media.demo", standalone_mode=False, obj=stop)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except Stopped as stopped:
        _say("stopped: all of its processes have ended; what it has made stays where it is")
        return stopped.status
    except BrokenPipeError:
        # The reader of our output has seen enough; the flush at exit must not complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.FAILED
    except OpsError as error:
        _say(str(error))
        return error.code
    except OSError as error:
        _say(f"{error.filename or 'this machine'}: {error.strerror or error}")
        return Exit.FAILED
    return status


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=REPOSITORY / "demo-out",
    help="Where everything goes: a new or empty folder, or an earlier demo's.  [demo-out]",
)
@click.option("--clips", type=_AMOUNT, default=20, show_default=True, help="Transcodes.")
@click.option("--statements", type=_AMOUNT, default=200, show_default=True, help="And mails.")
@click.option("--documents", type=_AMOUNT, default=40, show_default=True, help="Scanned PDFs.")
@click.option(
    "--over",
    type=click.FloatRange(0, 3600),
    default=20,
    show_default=True,
    help="Seconds in which the work arrives.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_obj
def main(
    stop: Stop,
    *,
    out: Path,
    clips: int,
    statements: int,
    documents: int,
    over: float,
    as_json: bool,
) -> int:
    """Run the media fleet on this machine, from no node to no node, and add up.

    Work arrives, nodes are launched and do it, one of them vanishes, a worker is killed on another,
    and when the work is done they leave. Nothing outside of this machine is asked. Exits 0 if
    nothing was lost.
    """
    begun = time.monotonic()
    _need_ffmpeg()
    with fresh_folder(out) as folder, View(begun) as view:
        demo = Demo(folder, Sizes(clips, statements, documents), over, stop, view, begun)
        sums, progress, deliveries = demo.run()
        took = time.monotonic() - begun
        data = json.dumps(as_data(sums, folder, took), indent=2)
        (folder / "result.json").write_text(data + "\n", encoding="utf-8")
        if as_json:
            click.echo(data)
        else:
            Report(sums, progress.orders, deliveries, folder).print(took)
    return Exit.DONE if sums.good else Exit.FAILED


def _need_ffmpeg() -> None:
    try:
        imageio_ffmpeg.get_ffmpeg_exe()
    except RuntimeError as error:
        raise OpsError(
            f"imageio-ffmpeg: expected a wheel with ffmpeg in it, found {error}: install it anew"
        ) from error


def _say(line: str) -> None:
    click.echo(f"demo: {line}", err=True)
