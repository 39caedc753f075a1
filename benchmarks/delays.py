"""How late tasks start that were sent with a countdown: `python -m benchmarks.delays`.

Real time, a real worker and forwarder, the strict SQS. The queue keeps messages for a minute, so
that what is due in more than 30 s takes the way over the delay queue.
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

from tests.e2e.fleet import wait_for
from tests.e2e.later import later

DIRECT = {f"direct-{i}": 1 + i * 0.25 for i in range(100)}
OVER_THE_DELAY_QUEUE = {f"far-{i}": 35 + i * 0.25 for i in range(100)}


def main() -> None:
    """Run it and print the lateness in seconds."""
    with (
        tempfile.TemporaryDirectory() as folder,
        later(Path(folder), retention="1m", concurrency=4) as on,
    ):
        worker = on.worker()
        on.forwarder()
        on.publish({**DIRECT, **OVER_THE_DELAY_QUEUE})
        total = len(DIRECT) + len(OVER_THE_DELAY_QUEUE)
        wait_for(lambda: len(on.records()) == total, "every run", worker, 120)
        for name in ("direct", "far"):
            late = sorted(
                run["at"] - run["due_at"] for run in on.records() if run["key"].startswith(name)
            )
            print(
                f"{name}: {len(late)} tasks, earliest {late[0]:.2f} s, "
                f"median {statistics.median(late):.2f} s, latest {late[-1]:.2f} s"
            )


if __name__ == "__main__":
    main()
