"""``python -m ops.local.machine --folder FOLDER --address 127.A.B.C [--boot SECONDS]``."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from ops.local.machine.keeper import keep
from ops.local.machine.processes import adopt_orphans


def main() -> int:
    """Be a machine until SIGTERM, and say `ready URL` of its metadata service on stdout.

    Returns 0, or 1 where it cannot be one, which is then said in one line on stderr.
    """
    parser = argparse.ArgumentParser(
        prog="python -m ops.local.machine", description="One machine of the local AWS."
    )
    parser.add_argument("--folder", type=Path, required=True, help="its root, with instance.json")
    parser.add_argument("--address", required=True, help="its own, of 127.0.0.0/8")
    parser.add_argument("--boot", type=float, default=0.0, help="seconds until user data runs")
    given = parser.parse_args()
    if not given.address.startswith("127."):
        parser.error(f"--address: expected one of 127.0.0.0/8, found {given.address}")

    def run(keeper: int) -> int:
        # Imported where it is used: the keeper stays small.
        from ops.local.machine.instance import BadInstance  # noqa: PLC0415
        from ops.local.machine.machine import Machine  # noqa: PLC0415

        adopt_orphans()
        try:
            machine = Machine(given.folder.resolve(), given.address, given.boot)
        except (BadInstance, OSError) as error:
            print(f"machine: {error}", file=sys.stderr)  # noqa: T201
            return 1
        machine.loop.watch(keeper, lambda: os._exit(_vanish()))
        print(f"ready {machine.metadata}", flush=True)  # noqa: T201
        machine.loop.run()
        return 0

    try:
        adopt_orphans()
        return keep(run)
    except OSError as error:  # a kernel before 5.3 has no pidfd_open(2)
        print(f"machine: expected Linux 5.3 or later: {error}", file=sys.stderr)  # noqa: T201
        return 1


def _vanish() -> int:
    from ops.local.machine.processes import end_all  # noqa: PLC0415

    end_all()
    return 137


if __name__ == "__main__":
    sys.exit(main())
