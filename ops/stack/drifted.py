"""What was changed by hand, over all stacks of a fleet."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from ops import aws
from ops.errors import Exit, OpsError
from ops.stack.changes import ABSENT
from ops.stack.drift import Drift, detect
from ops.stack.there import read_there
from ops.stack.together import AT_ONCE, ask_all

if TYPE_CHECKING:
    from ops.stack.flow import Progress
    from worker.fleet import Fleet


def drifted(fleet: Fleet, only: Sequence[str], progress: Progress) -> list[Drift]:
    """Compare the stacks of queues `only`, or all, with what is there. Raises OpsError."""
    client = aws.cloudformation(fleet, AT_ONCE)
    there = [
        one for one in read_there(client, fleet.name).stacks.values() if one.status not in ABSENT
    ]
    chosen = sorted(one.name for one in there if not only or one.queue in only)
    if missing := set(only) - {one.queue for one in there}:
        known = ", ".join(sorted(one.queue for one in there if one.queue)) or "none"
        raise OpsError(
            f"expected queues that have a stack ({known}), got {', '.join(sorted(missing))}: "
            "choose among them, or make theirs: ops stack apply --yes",
            Exit.USAGE,
        )
    if not chosen:
        raise OpsError(
            f"{fleet.name}: expected stacks, found none: ops stack apply --yes", Exit.DRIFTED
        )
    with progress("comparing", len(chosen)) as step:
        found = ask_all({name: partial(detect, client, name) for name in chosen}, step)
    return [drift for drifts in found.values() for drift in drifts]
