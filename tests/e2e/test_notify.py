"""What systemd is told, through a stand-in for its socket."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.fleet import one_queue, wait_for
from tests.e2e.watching import Systemd, get, health, systemd
from worker.drain import Phase, Plan
from worker.notify import EVERY_SECONDS, Supervisor, take

RUNNING = Plan(Phase.RUNNING)


@pytest.fixture
def watching(tmp_path: Path) -> Iterator[Systemd]:
    with systemd(tmp_path) as listening:
        yield listening


def _tell(supervisor: Supervisor, now: float, plan: Plan = RUNNING, **more: object) -> None:
    said = {"ready": True, "fit": True, "status": "running: 0 of 4 slots busy", **more}
    supervisor.tell(now, plan, **said)  # type: ignore[arg-type]


def test_a_watchdog_is_fed_in_half_its_time_and_only_while_fit(watching: Systemd) -> None:
    supervisor = Supervisor(watching.address, watchdog_seconds=40.0)
    assert supervisor.tick_seconds == 10.0
    fed_at = []
    for second in range(100):
        before = watching.count("WATCHDOG=1")
        _tell(supervisor, 1000.0 + second, fit=not 50 <= second < 80)
        if watching.count("WATCHDOG=1") > before:
            fed_at.append(second)
    assert fed_at == [0, 10, 20, 30, 40, 80, 90]
    assert watching.count("READY=1") == 1


def test_ready_comes_when_it_is_and_a_status_when_it_changes(watching: Systemd) -> None:
    supervisor = Supervisor(watching.address)
    _tell(supervisor, 1.0, ready=False, status="starting")
    assert watching.told == ["STATUS=starting"]
    _tell(supervisor, 2.0)
    _tell(supervisor, 3.0, status="running: 1 of 4 slots busy")
    _tell(supervisor, 4.0, status="unhealthy: something\nof two lines")
    assert watching.told[1:] == [
        "READY=1",
        "STATUS=running: 0 of 4 slots busy",
        "STATUS=unhealthy: something of two lines",
    ]
    _tell(supervisor, 2.0 + EVERY_SECONDS, status="running: 1 of 4 slots busy")
    assert watching.told[-1] == "STATUS=running: 1 of 4 slots busy"


def test_a_drain_asks_for_time_until_its_end(watching: Systemd) -> None:
    supervisor = Supervisor(watching.address)
    plan = Plan(Phase.DRAINING, since=0.0, deadline=60.0)
    for second in range(100):
        _tell(supervisor, float(second), plan, ready=False)
        assert watching.told  # read at once: a socket holds ten of them
    assert watching.count("STOPPING=1") == 1
    assert watching.count("EXTEND_TIMEOUT_USEC=30000000") == 7  # at 0, 10 ... 60, and no longer


def test_what_systemd_does_not_take_is_told_again(tmp_path: Path) -> None:
    supervisor = Supervisor(str(tmp_path / "notify"))
    _tell(supervisor, 1.0)
    with systemd(tmp_path) as watching:
        _tell(supervisor, 2.0)
        assert watching.count("READY=1") == 1


def test_the_environment_is_taken_and_left_empty() -> None:
    env = {"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "30000000", "OTHER": "stays"}
    supervisor = take(env)
    assert supervisor is not None
    assert supervisor.watchdog_seconds == 30.0
    assert env == {"OTHER": "stays"}
    assert take(env) is None


@pytest.mark.parametrize(
    ("watchdog", "seconds"),
    [
        ({"WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": ""}, None),
    ],
)
def test_a_watchdog_that_is_not_meant_is_not_fed(
    watchdog: dict[str, str], seconds: float | None
) -> None:
    env = {"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "30000000", **watchdog}
    supervisor = take(env)
    assert supervisor is not None
    assert supervisor.watchdog_seconds == seconds
    assert not env


@pytest.mark.parametrize("address", ["", "vsock:2:1234", "relative"])
def test_what_is_no_socket_here_is_left_alone(address: str) -> None:
    assert take({"NOTIFY_SOCKET": address}) is None


def test_systemd_is_told_of_a_start_and_a_drain_and_children_are_not_heard(
    tmp_path: Path,
) -> None:
    with (
        one_queue(tmp_path, poll="1s", drain_budget="90s") as fleet,
        systemd(tmp_path, abstract=True) as watching,
    ):
        worker = fleet.start(
            NOTIFY_SOCKET=watching.address,
            WATCHDOG_USEC="1000000",
            WATCHDOG_PID="1",  # the watchdog is another process's
        )
        wait_for(lambda: watching.count("READY=1"), "READY", worker)
        wait_for(lambda: get(worker, "/readyz")[0] == 200, "an answered poll", worker)
        fleet.submit("e2e.program", 5.0)
        (pid,) = wait_for(fleet.programs, "a program of a task", worker)
        environment = Path(f"/proc/{pid}/environ").read_bytes()
        assert b"NOTIFY_SOCKET" not in environment
        assert b"WATCHDOG" not in environment
        assert watching.count("STOPPING=1") == 0

        worker.signal(signal.SIGTERM)
        wait_for(lambda: watching.count("STOPPING=1"), "STOPPING", worker)
        assert get(worker, "/readyz")[0] == 503
        assert health(worker) == (200, [])
        assert worker.wait() == 0
        assert watching.count("READY=1") == 1
        assert watching.count("STOPPING=1") == 1
        assert watching.count("EXTEND_TIMEOUT_USEC=30000000") >= 1
        assert watching.count("WATCHDOG=1") == 0
        assert any(line.startswith("STATUS=draining: 1 of 2") for line in watching.told)
