"""The demo's AWS: a local one with machines, which ends with the demo, however that ends."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from media.demo.application import FLEET, REPOSITORY
from media.demo.stopping import Stop
from ops.local.aws import local_environment
from ops.local.process import start_server
from ops.local.running import LOG, Running, began, write
from ops.local.starting import stop as end_all

# The stack's Lambda ticks once a minute. The demo's engine is the daemon, which is quicker.
_MINUTE_SECONDS = 3600


@contextmanager
def cloud(
    folder: Path, manifest: Path, region: str, settings: Mapping[str, str], stop: Stop
) -> Iterator[str]:
    """Run a local AWS with its state in `folder` and yield its URL; its instances boot at once.

    `settings` are what its machines find in their environment. `ops local status` and `logs` find
    it by FLEET_LOCAL_DIR, which is `folder`. Raises OpsError, Stopped, OSError.
    """
    child, url = start_server(
        "local AWS",
        [
            *(sys.executable, "-m", "ops.local.server"),
            *("--folder", str(folder), "--minute", str(_MINUTE_SECONDS)),
        ],
        env={**local_environment("http://127.0.0.1:9"), **settings, "PYTHONPATH": str(REPOSITORY)},
        cwd=folder,
        log=folder / LOG,
        on_wait=stop.check,
    )
    try:
        running = Running(child.pid, began(child.pid) or 0, url, FLEET, str(manifest), region)
        write(folder, running)
        yield url
    finally:
        try:
            end_all(folder, lambda _: None)
        finally:
            child.end()
