"""Units as a machine of the local AWS reads them, and what it makes of their ends."""

from __future__ import annotations

import math
import signal
from pathlib import Path

import pytest

from ops.local.machine.exits import Result, StartLimit, restarts, result_of
from ops.local.machine.spans import seconds
from ops.local.machine.substitute import substitute
from ops.local.machine.unit_files import sources
from ops.local.machine.unit_text import Source, UnitError
from ops.local.machine.unit_words import environment, environment_file
from ops.local.machine.units import Unit, name, unit

PLAIN = "[Service]\nExecStart=/bin/true\n"


def read(*texts: str, called: str = "a.service") -> Unit:
    found = [Source(f"{number}.conf", text) for number, text in enumerate(texts)]
    return unit(name(called), found, {"t": "/run"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90", 90.0),
        ("5min 20s", 320.0),
        ("1h30m", 5400.0),
        ("500ms", 0.5),
        ("1.5s", 1.5),
        ("12h", 43200.0),
        ("infinity", math.inf),
    ],
)
def test_spans(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "soon", "5 parsecs", "-1", "5min x", "1s;"])
def test_spans_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="expected a span"):
        seconds(text)


def test_the_defaults_are_systemds() -> None:
    found = read(PLAIN)
    assert (found.type, found.kill_mode, found.restart) == ("simple", "control-group", "no")
    assert (found.start_seconds, found.stop_seconds, found.abort_seconds) == (90, 90, 90)
    assert (found.restart_seconds, found.start_limit_seconds, found.start_limit_burst) == (
        0.1,
        10,
        5,
    )
    assert math.isinf(found.watchdog_seconds)
    assert found.kill_signal == signal.SIGTERM


def test_drop_ins_come_after_the_unit_and_an_empty_value_takes_back() -> None:
    found = read(
        "[Service]\nExecStart=/bin/false\nEnvironment=A=1 'B=two words'\nTimeoutStopSec=5\n",
        "[Service]\nExecStart=\nExecStart=-/bin/echo one \\\n  two\nEnvironment=A=2\n",
        "# a comment\n; another\n[Service]\nTimeoutStopSec=0\n",
    )
    assert found.exec_start.words == ("/bin/echo", "one", "two")
    assert found.exec_start.may_fail
    assert dict(found.environment) == {"A": "2", "B": "two words"}
    assert math.isinf(found.stop_seconds)
    assert math.isinf(found.abort_seconds)


def test_specifiers() -> None:
    found = read(
        "[Service]\nExecStart=/bin/echo %i %n %N %p 100%% %t\nWorkingDirectory=/r/%i\n",
        called="w@r1-b.service",
    )
    assert found.exec_start.words[1:] == ("r1-b", "w@r1-b.service", "w@r1-b", "w", "100%", "/run")
    assert found.working_directory == "/r/r1-b"


def test_variables_of_a_command_line() -> None:
    words = read("[Service]\nExecStart=/bin/echo ${Q}-x $MANY $$Q ${NONE} '${Q} y'\n").exec_start
    assert words.filled({"Q": "a b", "MANY": "1 2"}) == [
        "/bin/echo",
        "a b-x",
        "1",
        "2",
        "$Q",
        "",
        "a b y",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[Service]\nExecReload=/bin/true\n", r"0.conf:2: ExecReload: .* does not know this key"),
        ("[Service]\nMemoryMaximum=1\n", "MemoryMaximum"),
        ("[Unit]\nRequires=b.service\n", "0.conf:2: Requires"),
        ("[Unit]\nExecStart=/bin/true\n", r"0.conf:2: ExecStart: .* of \[Unit\]"),
        ("[Socket]\n", r"0.conf:1: expected \[Unit\], \[Service\] or \[Install\]"),
        ("ExecStart=/bin/true\n", "0.conf:1: expected KEY=VALUE"),
        ("[Service]\nExecStart\n", "0.conf:2: expected KEY=VALUE"),
        ("[Service]\nExecStart=true\n", "a.service: ExecStart: expected an absolute path"),
        ("[Service]\nExecStart=!/bin/true\n", "a.service: ExecStart: expected an absolute path"),
        ("[Service]\nType=notify\n", "a.service: ExecStart: expected one, found 0"),
        (PLAIN + "ExecStart=/bin/false\n", "a.service: ExecStart: expected one, found 2"),
        (PLAIN + "Type=forking\n", "a.service: Type: expected simple, exec, notify"),
        (PLAIN + "Restart=perhaps\n", "a.service: Restart: expected no, always"),
        (PLAIN + "WatchdogSec=soon\n", "a.service: WatchdogSec: expected a span"),
        (PLAIN + "StateDirectory=../x\n", "StateDirectory: expected a relative path"),
        (PLAIN + "KillSignal=SIGNONE\n", "a.service: KillSignal: expected 0 to 255 or a signal"),
        (PLAIN + "Environment=A\n", "a.service: Environment: expected NAME=VALUE"),
        (PLAIN + "Environment='A=1\n", "a.service: Environment: expected quotes in pairs"),
        (PLAIN + "Environment=A=%x\n", "a.service: Environment: %x: expected one of %i"),
        (PLAIN + "UMask=8\n", "a.service: UMask: "),
    ],
)
def test_what_it_does_not_know_is_refused_aloud(text: str, expected: str) -> None:
    with pytest.raises(UnitError, match=expected):
        read(text)


@pytest.mark.parametrize("text", ["", "a b", "../a", "a.socket", "a@b@c", "a/b", "x" * 300])
def test_names_that_are_none(text: str) -> None:
    with pytest.raises(UnitError, match="expected the name of a service"):
        name(text)


def test_environment_files_leave_out_what_is_no_variable() -> None:
    text = "# A=0\n\nA=1\nB = 'two words' \nC=x=y\n;D=1\n1E=1\nF=\n"
    assert environment_file(text) == {"A": "1", "C": "x=y", "F": ""} | {"B": "two words"}
    assert environment("A=1 B=") == {"A": "1", "B": ""}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/opt/fleet/python/bin/ops", "/n/opt/fleet/python/bin/ops"),
        ("-/etc/fleet/node.env", "-/n/etc/fleet/node.env"),
        ('A="/var/lib/fleet":/run/fleet', 'A="/n/var/lib/fleet":/n/run/fleet'),
        ("/srv/opt/fleet /opt/fleet-two ./opt/fleet", "/srv/opt/fleet /opt/fleet-two ./opt/fleet"),
        ("/n/opt/fleet", "/n/opt/fleet"),
    ],
)
def test_a_nodes_own_folders_lie_below_its_root(text: str, expected: str) -> None:
    assert substitute(text, Path("/n")) == expected


def test_where_the_files_of_a_unit_are_found(tmp_path: Path) -> None:
    def write(path: str, text: str) -> None:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)

    write("etc/systemd/system/fleet-worker@.service.d/10-a.conf", "[Service]\nRestartSec=7\n")
    write("etc/systemd/system/fleet-worker@r1.service.d/10-a.conf", "[Service]\nRestartSec=8\n")
    write("run/systemd/system/fleet-worker@r1.service.d/20-b.conf", "[Service]\nMemoryMax=1G\n")
    write("etc/systemd/system/fleet-worker@r1.service.d/notes.txt", "nothing")
    of = {
        called: [Path(each.path).name for each in sources(name(called), tmp_path)]
        for called in ("fleet-worker@r1", "fleet-worker@r2", "fleet-agent")
    }
    assert of == {
        "fleet-worker@r1": ["fleet-worker@.service", "10-a.conf", "20-b.conf"],
        "fleet-worker@r2": ["fleet-worker@.service", "10-a.conf"],
        "fleet-agent": ["fleet-agent.service"],
    }
    worker = name("fleet-worker@r1")
    assert unit(worker, sources(worker, tmp_path), {}).restart_seconds == 8
    write("etc/systemd/system/fleet-agent.service", PLAIN)
    assert sources(name("fleet-agent"), tmp_path)[0].text == PLAIN
    with pytest.raises(UnitError, match=r"Unit none\.service not found"):
        sources(name("none"), tmp_path)


def test_the_production_units_are_understood(tmp_path: Path) -> None:
    called = name("fleet-worker@r1.service")
    worker = unit(called, sources(called, tmp_path), {})
    root = str(tmp_path)
    assert worker.exec_start.filled({"FLEET_QUEUE": "mail"}) == [
        f"{root}/opt/fleet/python/bin/celery",
        "worker",
        "-Q",
        "mail",
    ]
    assert worker.working_directory == f"{root}/opt/fleet/releases/r1"
    assert worker.environment_files == (f"{root}/etc/fleet/node.env",)
    assert (worker.type, worker.kill_mode, worker.restart) == ("notify", "mixed", "always")
    assert not restarts(worker, Result.SUCCESS, 0)
    assert restarts(worker, Result.SIGNAL, -signal.SIGKILL)
    assert worker.stop_seconds == 12 * 3600
    assert worker.abort_seconds < 60
    agent = unit(name("fleet-agent"), sources(name("fleet-agent"), tmp_path), {})
    assert agent.exec_start.words[1:] == ("node", "agent")
    assert agent.restart == "always"
    assert agent.start_limit_seconds == 0
    assert agent.name in worker.after
    for each in (agent, worker):
        assert dict(each.environment)["FLEET_RUNTIME_DIR"] == f"{root}/run/fleet"
        assert dict(each.folders)["RUNTIME_DIRECTORY"] == "run/fleet"
        assert each.keeps_runtime_folder
        assert each.watchdog_seconds == 60


EXIT_0, EXIT_1, EXIT_7 = 0, 1 << 8, 7 << 8
BY_TERM, BY_KILL, BY_ABRT_WITH_CORE = 15, 9, 6 | 0x80


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (EXIT_0, Result.SUCCESS),
        (EXIT_1, Result.EXIT_CODE),
        (EXIT_7, Result.SUCCESS),
        (BY_TERM, Result.SUCCESS),
        (BY_KILL, Result.SIGNAL),
        (BY_ABRT_WITH_CORE, Result.CORE_DUMP),
    ],
)
def test_what_an_end_means(status: int, expected: Result) -> None:
    assert result_of(read(PLAIN + "SuccessExitStatus=7\n"), status) is expected


# "Exit causes and the effect of the Restart= settings", the table in systemd.service(5).
AFTER = {
    "no": set[Result](),
    "always": {Result.SUCCESS, Result.EXIT_CODE, Result.SIGNAL, Result.TIMEOUT, Result.WATCHDOG},
    "on-success": {Result.SUCCESS},
    "on-failure": {Result.EXIT_CODE, Result.SIGNAL, Result.TIMEOUT, Result.WATCHDOG},
    "on-abnormal": {Result.SIGNAL, Result.TIMEOUT, Result.WATCHDOG},
    "on-abort": {Result.SIGNAL},
    "on-watchdog": {Result.WATCHDOG},
}


@pytest.mark.parametrize("restart", AFTER)
def test_which_ends_start_it_again(restart: str) -> None:
    found = read(f"{PLAIN}Restart={restart}\n")
    causes = AFTER["always"]
    assert {cause for cause in causes if restarts(found, cause, None)} == AFTER[restart]


def test_ends_that_prevent_a_start() -> None:
    found = read(PLAIN + "Restart=always\nRestartPreventExitStatus=3 SIGKILL\n")
    assert [restarts(found, Result.EXIT_CODE, code) for code in (0, 3, -9, -15)] == [
        True,
        False,
        False,
        True,
    ]


def test_the_start_limit() -> None:
    found = read(f"[Unit]\nStartLimitIntervalSec=10\nStartLimitBurst=2\n{PLAIN}")
    limit = StartLimit()
    assert [limit.allows(found, now) for now in (0.0, 1.0, 2.0, 9.9, 10.0, 11.0, 12.0)] == [
        True,
        True,
        False,
        False,
        True,
        True,
        False,
    ]
    limit.reset()
    assert limit.allows(found, 12.5)
    free = read(f"[Unit]\nStartLimitIntervalSec=0\n{PLAIN}")
    assert all(limit.allows(free, 13.0) for _ in range(50))
