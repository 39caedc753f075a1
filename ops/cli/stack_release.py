"""What `ops stack` says of the release, without which the nodes of its groups do not join."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.cli.counting import waiting
from ops.cli.output import say
from ops.errors import OpsError

if TYPE_CHECKING:
    from ops.stack.flow import Stacks


def say_release(found: Stacks) -> None:
    """Say where new nodes would find no release, or one without their queue; reads S3 once."""
    from ops.release.store import current  # noqa: PLC0415

    wanted = {name for name in found.queues if found.fleet.queue(name).runtime == "ec2"}
    if not wanted:
        return
    try:
        with waiting("release", lambda: found.bucket.name):
            pointer = current(found.bucket.s3, found.bucket.name)
    except OpsError as error:
        say(f"whether new nodes find a release is not known: {error}")
        return
    if pointer is None:
        say("there is no release yet, and new nodes do not join without: ops release put")
    elif pointer.queues is not None and (absent := sorted(wanted.difference(pointer.queues))):
        which = "queue" if len(absent) == 1 else "queues"
        say(
            f"release {pointer.release}, which new nodes get, has no {which} {', '.join(absent)}: "
            "they do not join before the next one: ops release put"
        )
