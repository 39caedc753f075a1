"""The command line of what runs in a folder of its own: a machine, or the host of a task."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ops.local.machine.keeper import keep
from ops.local.machine.processes import adopt_orphans

if TYPE_CHECKING:
    from ops.local.machine.loop import Loop


class Host(Protocol):
    """What runs until its loop is stopped."""

    @property
    def loop(self) -> Loop:
        """What calls back."""

    @property
    def metadata(self) -> str:
        """The URL of its metadata service."""


def serve(what: str, module: str, begin: Callable[[Path, str, float], Host]) -> int:
    """Be what `begin` makes of a folder, an address and the seconds until it is up.

    It says `ready URL` of its metadata service on stdout, and runs until SIGTERM. `begin` imports
    what it needs itself, so that the keeper stays small; it may raise ValueError and OSError.
    Returns 0, or 1 where it cannot be, which is then said in one line on stderr.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m {module}", description=f"One {what} of the local AWS."
    )
    parser.add_argument("--folder", type=Path, required=True, help="its root, with its facts")
    parser.add_argument("--address", required=True, help="its own, of 127.0.0.0/8")
    parser.add_argument("--boot", type=float, default=0.0, help="seconds until it is up")
    given = parser.parse_args()
    if not given.address.startswith("127."):
        parser.error(f"--address: expected one of 127.0.0.0/8, found {given.address}")

    def run(keeper: int) -> int:
        adopt_orphans()
        try:
            host = begin(given.folder.resolve(), given.address, given.boot)
        except (ValueError, OSError) as error:
            print(f"{what}: {error}", file=sys.stderr)  # noqa: T201
            return 1
        host.loop.watch(keeper, lambda: os._exit(_vanish()))
        print(f"ready {host.metadata}", flush=True)  # noqa: T201
        host.loop.run()
        return 0

    try:
        adopt_orphans()
        return keep(run)
    except OSError as error:  # a kernel before 5.3 has no pidfd_open(2)
        print(f"{what}: expected Linux 5.3 or later: {error}", file=sys.stderr)  # noqa: T201
        return 1


def _vanish() -> int:
    from ops.local.machine.processes import end_all  # noqa: PLC0415

    end_all()
    return 137
