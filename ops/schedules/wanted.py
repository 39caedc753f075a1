"""The definitions the manifest wants on EventBridge Scheduler. Pure: no AWS in here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ops.errors import Exit, OpsError
from ops.schedules.eventbridge import definition, problems

if TYPE_CHECKING:
    from worker.fleet import Fleet

# Target, RoleArn: partitions have names such as aws and aws-cn.
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]+", re.ASCII)


def checked(fleet: Fleet, role_arn: str) -> None:
    """Raise OpsError (exit 2) where EventBridge cannot take the schedules or the role's name."""
    wrong = [f"{fleet.path}: {problem}" for problem in problems(fleet)]
    if _ROLE.fullmatch(role_arn) is None:
        wrong.append(
            "--role-arn: expected a role such as arn:aws:iam::123456789012:role/media-schedules, "
            f"got {role_arn}: aws iam get-role shows it"
        )
    if wrong:
        raise OpsError("\n".join(wrong), Exit.USAGE)


def queue_names(fleet: Fleet) -> tuple[str, ...]:
    """Return the names on SQS of the queues the schedules send to, and their dead-letter queues."""
    return tuple(dict.fromkeys(name for pair in _targets(fleet).values() for name in pair))


def wanted(
    fleet: Fleet, arns: Mapping[str, str | None], role_arn: str
) -> tuple[dict[str, Any], ...]:
    """Return the definitions, in the manifest's order; `arns` are of `queue_names`.

    Raises OpsError for queues that are not there, None, and eventbridge.Untranslatable.
    """
    missing = [name for name in queue_names(fleet) if arns[name] is None]
    if missing:
        raise OpsError(
            f"{', '.join(missing)}: expected on SQS, got none: create them: ops queues apply --yes"
        )
    return tuple(
        definition(
            fleet,
            fleet.schedules[name],
            queue_arn=arns[queue],
            dead_letter_arn=arns[dead_letters],
            role_arn=role_arn,
        )
        for name, (queue, dead_letters) in _targets(fleet).items()
    )


def _targets(fleet: Fleet) -> dict[str, tuple[str, str]]:
    return dict(_pairs(fleet))


def _pairs(fleet: Fleet) -> Iterator[tuple[str, tuple[str, str]]]:
    for schedule in fleet.schedules.values():
        queue = fleet.route(schedule.task)
        assert queue is not None  # noqa: S101  # the manifest was checked for it
        yield schedule.name, (fleet.physical_name(queue), fleet.dead_letter_name(queue))
