"""A worker's unit that is started while it cannot work: it comes back by itself."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.fleet import REPOSITORY, wait_for
from tests.e2e.machine_work import WORK, Working, working
from tests.faulty import Fault, Faulty

UNIT: Final = "fleet-worker@r1"
#: A step of the application's own that holds the worker's start up, as one that waits for a
#: database does.
SLOW: Final = f"""
import os, time
from celery import bootsteps, signals
class Slow(bootsteps.StartStopStep):
    requires = ("worker.warden:WardenStep",)
    def start(self, consumer):
        while os.path.exists("slow"):
            time.sleep(0.05)
@signals.celeryd_init.connect
def init(instance, **_):
    instance.app.steps["consumer"].add(Slow)
{WORK}"""


@pytest.fixture
def on(tmp_path: Path) -> Iterator[Working]:
    """A machine as `ops node boot` leaves it, with nothing started."""
    with working(tmp_path) as found:
        root = found.node.root
        release = root / "opt/fleet/releases/r1"
        for folder in (release, root / "etc/fleet", root / f"etc/systemd/system/{UNIT}.service.d"):
            folder.mkdir(parents=True)
        for name in ("fleet.toml", "work.py"):
            shutil.copy(found.folder / name, release)
        for unit in (REPOSITORY / "deploy/systemd").glob("fleet-*.service"):
            shutil.copy(unit, root / "etc/systemd/system")
        (root / "etc/fleet/node.env").write_text("FLEET_QUEUE=work\nAWS_REGION=eu-west-1\n")
        yield found


@pytest.mark.parametrize(
    "fault",
    [Fault("status", status=503), Fault("silent"), Fault("error", code="InternalFailure")],
    ids=["503", "silent", "error"],
)
def test_one_that_starts_while_sqs_is_out_of_reach_receives_when_it_is_back(
    on: Working, fault: Fault
) -> None:
    with Faulty(on.url) as proxy:
        on.node.tell(endpoint=proxy.url)
        proxy.fail(fault)
        on.node.start()
        assert on.node.systemctl("start", "--no-block", UNIT).returncode == 0
        started = on.node.becomes(UNIT, active="active")
        # It has started, and does not receive: whoever asks is told so.
        ping = on.node.ask("run", script="/opt/fleet/python/bin/ops node status --json")
        assert '"last_poll_age_seconds": null' in ping["stdout"], ping
        proxy.clear()
        on.work("late")
        still = on.node.status(UNIT)
        assert (still["pid"], still["restarts"]) == (started["pid"], 0)


def test_one_whose_start_takes_too_long_is_started_again(on: Working) -> None:
    release = on.node.root / "opt/fleet/releases/r1"
    (release / "work.py").write_text(SLOW)
    (release / "slow").touch()
    # Time for a start on a busy machine; and not as long as a unit's own.
    more = on.node.root / f"etc/systemd/system/{UNIT}.service.d/more.conf"
    more.write_text("[Unit]\nStartLimitIntervalSec=0\n[Service]\nTimeoutStartSec=20\n")
    on.node.start()
    assert on.node.systemctl("start", "--no-block", UNIT).returncode == 0
    on.node.becomes(UNIT, active="deactivating")
    (release / "slow").unlink()
    wait_for(lambda: on.node.status(UNIT)["restarts"], "another start")
    assert "exit 75 (timeout)" in on.node.log("machine")
    on.work("late")

    # Told to stop it stays away, in its start as well.
    (release / "slow").touch()
    assert on.node.systemctl("restart", "--no-block", UNIT).returncode == 0
    sockets = on.node.root / "run/fleet"
    wait_for(lambda: on.node.status(UNIT)["active"] == "activating", "a start")
    wait_for(lambda: list(sockets.glob("*.sock")), "a worker in its start")
    stopping = on.node.systemctl("stop", "--no-block", UNIT)
    assert stopping.returncode == 0
    (release / "slow").unlink()
    assert on.node.becomes(UNIT, active="inactive")["exit"] == "exit 75"
