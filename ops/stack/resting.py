"""Stacks that CloudFormation is still at work on, waited for until they are at rest."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from ops.errors import Exit, OpsError
from ops.stack.pace import pauses
from ops.stack.states import is_busy
from ops.stack.status import status_of

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

#: A stack of ours is made within minutes; one that deletes a group waits for its nodes' tasks,
#: which may take hours and are not worth a person's wait.
LONGEST_SECONDS: Final = 3600.0


def wait_for_rest(
    client: CloudFormationClient,
    stacks: Iterable[str],
    going: set[str],
    seconds: float = LONGEST_SECONDS,
) -> None:
    """Wait until nothing is done to the stacks any more; `going` has those that it still waits for.

    Raises OpsError after `seconds`, and on Ctrl-C (exit 130): both name what goes on.
    """
    going.update(stacks)
    wait, until = pauses(client), time.monotonic() + seconds
    try:
        while going:
            going -= {name for name in going if not is_busy(status_of(client, name))}
            if going and time.monotonic() > until:
                raise OpsError(
                    f"expected these stacks at rest within {seconds / 60:.0f} min, CloudFormation "
                    f"is still at work on {_named(going)}: see why in their events, and run it "
                    "again"
                )
            if going:
                time.sleep(next(wait))
    except KeyboardInterrupt:
        raise OpsError(
            f"interrupted: nothing was changed; CloudFormation goes on with {_named(going)}",
            Exit.INTERRUPTED,
        ) from None


def _named(going: set[str]) -> str:
    return ", ".join(sorted(going))
