"""What a worker shows of itself at its start: where it receives, and with what.

Celery's own banner names a broker on localhost, an exchange and events, which SQS has none of.
"""

from __future__ import annotations

import platform
from datetime import datetime
from typing import TYPE_CHECKING, Any

from celery import VERSION_BANNER
from celery.apps.worker import ARTLINES

from worker.manifest.units import format_duration

if TYPE_CHECKING:
    from worker.fleet import Fleet, Queue


def banner(
    worker: Any, fleet: Fleet, queue: Queue, pool: str, endpoint: str, *, art: bool = True
) -> str:
    """Return the banner; `worker` is Celery's, `endpoint` the URL of SQS, `art` is for drawing."""
    slots = "1 slot" if worker.concurrency == 1 else f"{worker.concurrency} slots"
    shown = {
        "manifest": f"{fleet.path} ({fleet.name})",
        "queue": f"{queue.name}: {fleet.physical_name(queue.name)} at {endpoint}",
        "dead letter": fleet.dead_letter_name(queue.name),
        "results": worker.app.backend.as_uri(),
        "concurrency": f"{slots} ({pool})",
        "lease": format_duration(queue.lease),
    }
    lines = [
        f"{worker.hostname} v{VERSION_BANNER}",
        "",
        f"{platform.platform()} {datetime.now().astimezone():%Y-%m-%d %H:%M:%S%z}",
        "",
        *(f".> {f'{name}:':<13}{value}" for name, value in shown.items()),
    ]
    if art:
        beside = [*ARTLINES, *[""] * len(lines)]
        lines = [f"{drawn:<15} {line}".rstrip() for drawn, line in zip(beside, lines, strict=False)]
    return "\n".join(lines) + "\n"
