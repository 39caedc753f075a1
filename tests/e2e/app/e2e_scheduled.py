"""A task that records what its schedule told it, for any worker: it knows nothing of the fleet."""

import json
import os
from pathlib import Path
from typing import Any

from celery import Task, shared_task


@shared_task(bind=True, name="e2e.scheduled")
def scheduled(self: Task, *args: Any, **kwargs: Any) -> None:
    """Append one line: the id, the arguments, the headers of the schedule."""
    line = {
        "id": self.request.id,
        "root_id": self.request.root_id,
        "args": args,
        "kwargs": kwargs,
        "headers": self.request.headers,
        "time": self.request.fleet_scheduled_time,
    }
    with Path(os.environ["E2E_SCHEDULED"]).open("a") as file:
        file.write(json.dumps(line) + "\n")
