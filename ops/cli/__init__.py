"""The `ops` command line: `ops <noun> <verb>`."""

import contextlib
import sys
from collections.abc import Sequence
from typing import NoReturn


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Run one `ops` command line (`sys.argv` unless given) and exit with its code."""
    # Everything else is imported below the guard, so that Ctrl-C is quiet from the first moment.
    try:
        from ops.cli.streams import open_closed  # noqa: PLC0415

        open_closed()
        from ops.cli.app import run  # noqa: PLC0415

        code = run(args)
    except KeyboardInterrupt:
        with contextlib.suppress(OSError):
            sys.stderr.write("interrupted\n")
        code = 130
    sys.exit(code)
