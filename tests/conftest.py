"""What every test starts from, however the run itself was started."""

from __future__ import annotations

import os
import signal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# A shell that starts a run in the background has it ignore Ctrl-C, and every process that a test
# starts would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The same cases in every run of the same tests: what fails does so again, and what passes does too.
# FLEET_LONG=1 looks for others.
settings.register_profile("same", derandomize=True)
if not os.environ.get("FLEET_LONG"):
    settings.load_profile("same")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Make `--dist loadfile` finer: a file whose tests share nothing need not stay together.

    So no process is left with one long file while the other has nothing to do.
    """
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return file if _shares(config.rootpath / file) else nodeid

    return Scheduling(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two processes a core: most of a test waits for a worker, a lease or a node.

    `-n logical` is one a core, for tests that wait for nothing.
    """
    cores = os.cpu_count() or 1
    return cores if config.option.numprocesses == "logical" else 2 * cores


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that say they may take long: else one process ends with one of them."""
    longest: dict[Path, float] = {}
    for item in items:
        mark = item.get_closest_marker("timeout")
        allowed = float(mark.args[0]) if mark is not None else 0.0
        longest[item.path] = max(longest.get(item.path, 0.0), allowed)
    items.sort(key=lambda item: -longest[item.path])


@cache
def _shares(file: Path) -> bool:
    """Whether a file has a fixture that is made once for all of its tests."""
    return 'scope="module"' in file.read_text()
