"""Take the steps of a plan one by one, and say how far it came when it cannot go on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from ops.aws import aws_errors
from ops.errors import Exit, OpsError

Step = TypeVar("Step")


def take_all(
    steps: Sequence[Step],
    take: Callable[[Step], None],
    begins: Callable[[str], None],
    *,
    doing: Callable[[Step], str],
    done: Callable[[Step], str],
    service: Callable[[Step], str],
) -> None:
    """Take every step in order; `begins` hears what is being done before each.

    `doing` and `done` say what a step does and has done (`creating media-mail`, `media-mail
    created`), `service` is boto3's name of the one it calls. Raises OpsError with what was done
    before the step that failed, or before Ctrl-C (exit 130): running the whole flow again goes on
    from there.
    """
    taken: list[str] = []
    for step in steps:
        what = doing(step)
        begins(what)
        try:
            with aws_errors(what, service=service(step)):
                take(step)
        except OpsError as error:
            raise OpsError(f"{error}\n{_so_far(taken)}", error.code) from error
        except KeyboardInterrupt:
            raise OpsError(
                f"interrupted while {what}, which may or may not have happened\n{_so_far(taken)}",
                Exit.INTERRUPTED,
            ) from None
        taken.append(done(step))


def _so_far(taken: list[str]) -> str:
    if not taken:
        return "nothing had been changed before that"
    return f"done before that: {', '.join(taken)}: run it again for the rest"
