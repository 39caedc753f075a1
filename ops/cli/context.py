"""What the root hands to every noun: the way to the manifest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from ops.errors import Exit, OpsError

if TYPE_CHECKING:
    from pathlib import Path

    from worker.fleet import Fleet


@dataclass(frozen=True, slots=True)
class Ops:
    """The options of the root: `path` is `--manifest`, or None where it was not given."""

    path: Path | None

    def fleet(self) -> Fleet:
        """Load the manifest; raise OpsError (exit 2) with every problem in it, one a line."""
        from worker.fleet import ManifestError, load  # noqa: PLC0415

        try:
            return load(self.path)
        except ManifestError as error:
            raise OpsError(str(error), Exit.USAGE) from error


pass_ops = click.make_pass_decorator(Ops)

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
