"""What was changed by hand, over all stacks of a fleet."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from ops import aws
from ops.errors import Exit, OpsError
from ops.stack.drift import Drift, by_windows, detect
from ops.stack.states import ABSENT
from ops.stack.there import read_there
from ops.stack.together import AT_ONCE, Progress, ask_all

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

    from worker.fleet import Fleet


@dataclass(frozen=True, slots=True)
class Compared:
    """What is not as its stack has it."""

    drifts: tuple[Drift, ...]
    by_windows: tuple[Drift, ...]
    """Minimums that windows of scaling set: no drift."""


def drifted(fleet: Fleet, only: Sequence[str], progress: Progress) -> Compared:
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
    return compare(client, chosen, progress)


def compare(client: CloudFormationClient, stacks: Collection[str], progress: Progress) -> Compared:
    """Compare stacks with what is there. Raises OpsError."""
    with progress("comparing", len(stacks)) as step:
        found = ask_all({name: partial(_one, client, name) for name in stacks}, step)
    return Compared(
        tuple(one for each in found.values() for one in each.drifts),
        tuple(one for each in found.values() for one in each.by_windows),
    )


def _one(client: CloudFormationClient, stack: str) -> Compared:
    found = detect(client, stack)
    windows = by_windows(client, found)
    return Compared(tuple(one for one in found if one not in windows), windows)
