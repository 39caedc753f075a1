"""The files that tell systemd which worker a node runs. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from worker.fleet import Fleet

AGENT_UNIT: Final = "fleet-agent.service"
#: Boots the node at each start of its machine but the first, which user data does.
BOOT_UNIT: Final = "fleet-boot.service"
#: Below the root: what that unit is told.
BOOT_FILE: Final = "etc/fleet/boot.env"
#: Beyond the drain budget: the worker ends by itself, and flushes what it deleted.
_END_SECONDS: Final = 60
#: Of the hard limit: from here on the kernel slows the worker down rather than kill it.
_HIGH_SHARE: Final = 0.9


def worker_unit(release: str) -> str:
    """Return the unit of a release's worker."""
    return f"fleet-worker@{release}.service"


def boot_files(
    fleet: Fleet, queue: str, release: str, region: str, *, wheels: bool
) -> dict[str, str]:
    """Return the files a node is given, by their path below its root.

    `wheels` tells whether the release brings packages of its own.
    """
    # AWS_REGION is every other tool's; a task's own boto3 reads AWS_DEFAULT_REGION alone, and asks
    # the metadata service for none (boto3, "Using environment variables").
    node = {"FLEET_QUEUE": queue, "AWS_REGION": region, "AWS_DEFAULT_REGION": region}
    return {
        "etc/fleet/node.env": "".join(f"{name}={value}\n" for name, value in node.items()),
        f"etc/systemd/system/{worker_unit(release)}.d/10-limits.conf": _limits(
            fleet, queue, release, wheels=wheels
        ),
    }


def boot_environment(fleet: str, queue: str, bucket: str, region: str) -> str:
    """Return what the next boot is told, of `ops node boot`'s options."""
    told = {
        "FLEET_NAME": fleet,
        "FLEET_QUEUE": queue,
        "FLEET_BUCKET": bucket,
        "AWS_REGION": region,
    }
    return "".join(f"{name}={value}\n" for name, value in told.items())


def _limits(fleet: Fleet, queue: str, release: str, *, wheels: bool) -> str:
    declared = fleet.queue(queue)
    stop = int(declared.drain_budget.total_seconds()) + _END_SECONDS
    lines = ["[Service]", f"TimeoutStopSec={stop}"]
    memory = declared.nodes.memory
    if memory is not None:
        lines += [f"MemoryHigh={int(memory * _HIGH_SHARE)}", f"MemoryMax={memory}"]
    if wheels:
        lines.append(f"Environment=PYTHONPATH=/opt/fleet/releases/{release}/site")
    return "\n".join(lines) + "\n"
