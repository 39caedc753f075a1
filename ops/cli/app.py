"""The root of the command line: nouns found by name and imported when asked for, one exit."""

import contextlib
import errno
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

import click

from ops.cli.context import Ops
from ops.cli.output import say
from ops.cli.streams import let_go
from ops.errors import Exit, OpsError

# One module a noun, `ops.cli.<noun>`, that holds a click command of the same name. The words are
# here so that `ops --help` imports none of them.
NOUNS = {
    "doctor": "List what bites a Celery application on SQS; propose its manifest.",
    "local": "Run the whole fleet on this machine.",
    "manifest": "Check and show the manifest; print its schema.",
    "node": "Start, watch and steer this node and its worker.",
    "queues": "Create and correct the fleet's queues on SQS; move delayed tasks on.",
    "release": "Put a release of the application where its nodes find it.",
    "scaling": "Scale the nodes of the queues; show, change and try out how.",
    "schedules": "Show, run and apply what is sent at its times.",
    "stack": "Show, apply and remove the fleet's stacks on AWS.",
    "stores": "Create and correct the fleet's tables and buckets.",
    "tasks": "Publish tasks, and ask after them.",
}

# Set, it shows the traceback of what nobody has foreseen.
_DEBUG = "OPS_DEBUG"


class Nouns(click.Group):
    """A group that imports a noun's module when the noun is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the nouns in alphabetical order."""
        return sorted(NOUNS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the noun's module and return its command, or None if there is no such noun."""
        if cmd_name not in NOUNS:
            return None
        command: click.Command = getattr(importlib.import_module(f"ops.cli.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the nouns with their one line of help, without importing them."""
        with formatter.section("Nouns"):
            formatter.write_dl([(noun, NOUNS[noun]) for noun in self.list_commands(ctx)])


@click.group(cls=Nouns, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--manifest",
    "path",
    type=click.Path(path_type=Path),
    help="The manifest; else the file FLEET_MANIFEST names, else ./fleet.toml.",
)
@click.pass_context
def ops(context: click.Context, path: Path | None) -> None:
    """Govern a fleet of Celery workers on Amazon SQS.

    Results go to stdout, talk to stderr. Exit codes: 0 done, 1 failed, 2 wrong usage or manifest,
    3 unhealthy or drifted, 130 interrupted.
    """
    context.obj = Ops(path)


def run(args: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code; what goes wrong is a line on stderr."""
    try:
        code = ops.main(
            args=None if args is None else list(args), prog_name="ops", standalone_mode=False
        )
        sys.stdout.flush()
        ended = code if isinstance(code, int) else Exit.DONE
    except click.ClickException as error:
        with contextlib.suppress(OSError):
            error.show()
        ended = error.exit_code
    except click.Abort:
        say("interrupted")
        ended = Exit.INTERRUPTED
    except OpsError as error:
        say(str(error))
        ended = error.code
    except BrokenPipeError:
        # The reader of our output (a pager, `head`) has seen enough; click itself ends so as well.
        ended = Exit.FAILED
    except Exception as error:
        ended = _unforeseen(error)
    finally:
        let_go()
    return ended


def _unforeseen(error: Exception) -> int:
    """Say what nobody has put into words, in one line; return the exit code."""
    if os.environ.get(_DEBUG):
        raise error
    match error:
        case OSError(filename=None, errno=errno.ENOSPC | errno.EDQUOT | errno.EFBIG | errno.EIO):
            text = f"expected to write the result, found {error.strerror}: write it elsewhere"
        case OSError(filename=str() as place):
            text = f"{place}: {error.strerror}"
        case _:
            place = _place(error)
            what = " ".join(f"{type(error).__name__} at {place}: {error}".split())[:300]
            text = (
                f"ops failed: {what}: nobody has foreseen that: run it again with {_DEBUG}=1 for "
                "the traceback, and report it"
            )
    say(text)
    return Exit.FAILED


def _place(error: Exception) -> str:
    """Return the innermost line of ours that an error came through."""
    root = Path(__file__).parents[2]
    places = [
        (Path(frame.filename), frame.lineno) for frame in traceback.extract_tb(error.__traceback__)
    ]
    ours = [
        f"{path.relative_to(root)}:{line}"
        for path, line in places
        if path.is_relative_to(root / "ops") or path.is_relative_to(root / "worker")
    ]
    return ours[-1] if ours else "a place unknown"
