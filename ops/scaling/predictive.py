"""AWS's predictive scaling for a fleet: what each queue asks for, what its group has, and the plan.

A queue that asks for it and cannot have it is told of with the remedy, and its group stays as it
is: a policy with a service time that nobody measured would launch for work that does not come.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from ops.aws import autoscaling, dynamodb
from ops.registry.registry import Registry
from ops.scaling import memories
from ops.scaling.durations import ENOUGH
from ops.scaling.learn import boot_seconds
from ops.scaling.predictive_aws import Found, Step, Wanted, apply, plan, read
from ops.scaling.settings import Settings, settings_of
from ops.scaling.sources.groups import Groups

if TYPE_CHECKING:
    from mypy_boto3_autoscaling import AutoScalingClient

    from worker.fleet import Fleet

Progress = Callable[[int], AbstractContextManager[Callable[[str], None]]]

_ABSENT: Final = "absent"


@dataclass(frozen=True, slots=True)
class Predictive:
    """The policies of a fleet, read and compared with the manifest."""

    client: AutoScalingClient
    queues: Mapping[str, str]
    """The queue of each group that was looked at."""
    steps: tuple[Step, ...]
    left_out: tuple[str, ...]
    """Queues that ask for a policy and cannot have it, each with the reason and the remedy."""

    @classmethod
    def read(cls, fleet: Fleet, now: float, progress: Progress) -> Self:
        """Read every group and what is remembered of the queues. Raises OpsError.

        `now` is in seconds since the epoch.
        """
        client = autoscaling(fleet)
        settings = {name: settings_of(queue) for name, queue in fleet.queues.items()}
        groups, left_out = _groups(client, fleet, settings, now)
        asking = [queue for queue in groups if settings[queue].predict == "aws"]
        remembered = _memories(fleet, now) if asking else {}
        wanted: dict[str, Wanted | None] = {}
        for queue, group in groups.items():
            if queue not in asking:
                wanted[group] = None
                continue
            name = fleet.physical_name(queue)
            found = wanted_of(settings[queue], name, group, remembered.get(queue))
            if isinstance(found, Wanted):
                wanted[group] = found
            else:
                left_out.append(f"{queue}: {found}")
        has: dict[str, Found] = {}
        with progress(len(wanted)) as step:
            for group in wanted:
                step(group)
                has |= read(client, [group])
        queues = {group: queue for queue, group in groups.items()}
        return cls(client, queues, plan(wanted, has), tuple(left_out))

    def rows(self) -> list[dict[str, str | None]]:
        """Return a line a step."""
        return [
            {
                "queue": self.queues[step.group],
                "group": step.group,
                "what": step.what,
                "from": step.before,
                "to": step.after,
            }
            for step in self.steps
        ]

    def apply(self, begins: Callable[[str], None]) -> None:
        """Take the steps; `begins` hears of each before it is taken. Raises OpsError."""
        apply(self.client, self.steps, begins)


def wanted_of(settings: Settings, name: str, group: str, stored: str | None) -> Wanted | str:
    """Return the policy that a queue's group is to have, or why it cannot have one.

    `name` is the queue's physical name, `stored` its memory as the registry holds it. Pure.
    """
    memory, trouble = memories.read(stored)
    durations = memory.durations
    if durations.total < ENOUGH or durations.seconds <= 0:
        seen = trouble or f"{durations.total} of the {ENOUGH} tasks that say it were seen to end"
        return (
            f"how long its tasks run is not known yet ({seen}): let ops scaling run see some, and "
            "run this again"
        )
    return Wanted(name, group, settings.slots, durations.seconds, boot_seconds(settings, memory))


def _groups(
    client: AutoScalingClient, fleet: Fleet, settings: Mapping[str, Settings], now: float
) -> tuple[dict[str, str], list[str]]:
    """Return each queue's group, and why a queue that asks for a policy has none."""
    found = Groups(client, fleet.name)
    found.read()
    groups: dict[str, str] = {}
    left_out: list[str] = []
    for queue, each in settings.items():
        asks = each.predict == "aws"
        if each.runtime != "ec2":
            if asks:
                left_out.append(
                    f"{queue}: its nodes are tasks of a service, and the policy is a group's: set "
                    'scaling.predict = "auto" or "off"'
                )
            continue
        reading = found.reading(queue, now, predicted=False)
        if reading.value is not None:
            groups[queue] = reading.value.name
        elif asks or not reading.trouble.startswith(_ABSENT):
            left_out.append(f"{queue}: its group is not known: {reading.trouble}")
    return groups, left_out


def _memories(fleet: Fleet, now: float) -> Mapping[str, str]:
    return Registry(dynamodb(fleet), fleet.registry_table, fleet.name).read(now).memories
