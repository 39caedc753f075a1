"""`ops scaling backtest` as a person runs it: what it prints, refuses, draws, and how it ends."""

import json
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from ops.scaling.backtest.jobs import Job, run_jobs
from ops.scaling.backtest.plot import draw
from ops.scaling.backtest.trace import trace_of
from ops.scaling.settings import Settings

ROOT = Path(__file__).parents[2]
#: The verb under its noun, wherever the noun has it from.
OPS = """
import sys
{before}
from ops.cli.app import run
from ops.cli.scaling import scaling
from ops.cli.scaling_backtest import backtest
scaling.add_command(backtest)
sys.exit(run(sys.argv[1:]))
"""
MANIFEST = """
name = "tried"
region = "eu-west-1"
[queues.video]
tasks = ["video.*"]
concurrency = 2
slo.start_within = "4m"
nodes.max = 3
nodes.boot = "90s"
"""

Ops = Callable[..., "subprocess.CompletedProcess[str]"]


def command(*args: str, before: str = "") -> list[str]:
    return [sys.executable, "-c", OPS.format(before=before), "scaling", "backtest", *args]


@pytest.fixture
def ops(tmp_path: Path) -> Ops:
    (tmp_path / "fleet.toml").write_text(MANIFEST)
    rng = Random(1)
    tasks = [f"{rng.random() * 20_000:.3f},{rng.expovariate(1 / 200):.3f}\n" for _ in range(400)]
    (tmp_path / "a.csv").write_text("arrival_s,service_s\n" + "".join(tasks))
    counts = [f"2026-03-01 10:{minute:02d}:00,{minute % 7}\n" for minute in range(60)]
    (tmp_path / "b.csv").write_text("minute_utc,count\n" + "".join(counts))
    (tmp_path / "rates.csv").write_text("hour,rate\n0,0.5\n")

    def run(*args: str, before: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(*args, before=before),
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    return run


def test_it_prints_a_row_for_each_trace_and_policy(ops: Ops) -> None:
    ran = ops(
        "--trace", "a.csv", "b.csv", "--service", "30s", "--slots", "2", "--boot", "60s",
        "--start-within", "120s", "--against", "keda,static", "--seeds", "2",
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    header, *lines = ran.stdout.splitlines()
    assert header.split()[:3] == ["trace", "policy", "cost"]
    assert [line.split()[:2] for line in lines] == [
        [trace, policy] for trace in ("a", "b") for policy in ("fleet", "keda", "static")
    ]
    assert "2 slots a node, boot 60 s, promise 120 s" in ran.stderr
    assert "static: fitted to the very trace" in ran.stderr


def test_it_prints_json_that_others_can_check(ops: Ops) -> None:
    ran = ops(
        "--trace", "a.csv", "--slots", "2", "--boot", "60s", "--start-within", "120s",
        "--against", "simple", "--json", "--spot", "rates.csv",
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    document = json.loads(ran.stdout)
    assert list(document) == ["results"]
    fleet, simple = document["results"]
    assert (fleet["policy"], simple["policy"]) == ("fleet", "simple")
    assert (fleet["trace"], fleet["seed"], fleet["tasks"]) == ("a.csv", 1, 400)
    assert fleet["losses"] > 0
    assert fleet["steps"][0][0] == 0
    assert all(len(step) == 3 for step in fleet["steps"])


def test_a_queue_of_the_manifest_says_how_it_is_scaled(ops: Ops) -> None:
    def most(*args: str) -> tuple[int, float]:
        ran = ops("--trace", "a.csv", "--queue", "video", "--json", *args)
        assert ran.returncode == 0, ran.stderr
        (result,) = json.loads(ran.stdout)["results"]
        return max(nodes for _, nodes, _ in result["steps"]), result["slots"]

    assert most() == (3, 2)
    assert most("--max", "2")[0] == 2
    assert most("--slots", "4")[1] == 4
    refused = ops("--trace", "a.csv", "--queue", "mail")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "mail" in refused.stderr


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--slots", "2"], "--trace: expected a CSV file, got none"),
        (["--trace", "a.csv"], "expected --queue or --slots, got neither"),
        (["--trace", "none.csv", "--slots", "2"], "none.csv: expected a CSV file that can be read"),
        (["--trace", "b.csv", "--slots", "2"], "b.csv:1: expected a run time"),
        (["--trace", "a.csv", "--slots", "2", "--against", "keda,kea"], "got 'kea'"),
        (["--trace", "a.csv", "--slots", "2", "--boot", "180"], "expected a duration"),
        (["--trace", "a.csv", "--slots", "2", "--service", "0s"], "expected more than 0s"),
        (["--trace", "a.csv", "--slots", "2", "--headroom", "many"], "expected a number, auto"),
        (["--trace", "a.csv", "--slots", "2", "--min", "9", "--max", "8"], "--min: expected at"),
        (["--trace", "a.csv", "--slots", "2", "--from", "1d"], "at least one task"),
        (["--trace", "a.csv", "--slots", "2", "--plot", "x.pdf"], "ends in .png or .svg"),
        (["--trace", "a.csv", "--slots", "2", "--plot", "no/x.png"], "create the folder"),
        (["--trace", "a.csv", "b.csv", "--slots", "2", "--plot", "x.png"], "expected one trace"),
        (["--trace", "a.csv", "--slots", "2", "--frontier", "x.png"], "expected a promise"),
        (["--trace", "a.csv", "--slots", "2", "--spot", "a.csv"], "a.csv:1: expected at_s or"),
    ],
)
def test_a_mistake_is_one_line_and_exit_2(ops: Ops, args: list[str], told: str) -> None:
    ran = ops(*args)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert told in ran.stderr
    assert "Traceback" not in ran.stderr


def test_runs_are_bounded(ops: Ops) -> None:
    ran = ops("--trace", *["a.csv"] * 21, "--slots", "1", "--seeds", "1000")
    assert ran.returncode == 2
    assert "expected at most 20000 runs, got 21000" in ran.stderr


def png_size(path: Path) -> tuple[int, int]:
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", data[16:24])
    return width, height


def test_pictures_are_drawn_as_their_files_are_named(ops: Ops, tmp_path: Path) -> None:
    ran = ops(
        "--trace", "b.csv", "--service", "40s", "--slots", "2", "--boot", "60s",
        "--start-within", "30s", "--plot", "p.png", "--frontier", "f.svg", "--processes", "1",
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    width, height = png_size(tmp_path / "p.png")
    assert (width, height > 600) == (1600, True)
    assert (tmp_path / "f.svg").read_text().startswith("<?xml")
    assert "headroom off: cost" in ran.stderr
    assert "drawn: p.png" in ran.stderr


@pytest.mark.parametrize(
    ("begins_at", "since"),
    [(0.0, "the beginning of the trace"), (1_700_000_000.0, "2023-11-14 22:13 UTC")],
)
def test_a_picture_says_what_is_in_it(tmp_path: Path, begins_at: float, since: str) -> None:
    rng = Random(2)
    trace = trace_of(
        "made",
        [(begins_at + rng.random() * 300_000, rng.expovariate(1 / 600)) for _ in range(300)],
        begins_at,
    )
    settings = Settings("q", 2, start_within_seconds=300.0, policies=frozenset({"age"}))
    jobs = [Job(0, name, settings, keep_series=True) for name in ("fleet", "keda", "buildkite")]
    results = run_jobs(jobs, [trace], processes=1)
    draw(tmp_path / "p.svg", trace, results, settings)
    # Text is drawn as outlines, each with what it says in a comment.
    svg = (tmp_path / "p.svg").read_text()
    assert f"<!-- days since {since} -->" in svg
    assert "<!-- made: 300 tasks" in svg
    for result in results:
        assert f"<!-- {result.policy}: cost {result.cost_ratio:.2f} times the work" in svg
    for unit in ("nodes", "hours", "seconds"):
        assert f"<!-- {unit} -->" in svg
    assert "<!-- promise -->" in svg


def test_without_matplotlib_the_extra_is_named_before_anything_runs(ops: Ops) -> None:
    ran = ops(
        "--trace", "a.csv", "--slots", "2", "--plot", "p.png",
        before="sys.modules['matplotlib'] = None",
    )  # fmt: skip
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "pip install 'celery-sqs-fleet[plot]'" in ran.stderr


def long_run(folder: Path, processes: int) -> subprocess.Popen[str]:
    """It has work for far longer than a test waits."""
    rows = "".join(f"{n},400\n" for n in range(10_000))
    (folder / "long.csv").write_text(f"minute,count\n{rows}")
    return subprocess.Popen(
        command("--trace", "long.csv", "--service", "5s", "--slots", "2", "--against",
                "simple", "--processes", str(processes)),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )  # fmt: skip


@pytest.mark.parametrize("processes", [1, 2])
def test_an_interruption_ends_it_and_its_processes(tmp_path: Path, processes: int) -> None:
    process = long_run(tmp_path, processes)
    assert process.stderr is not None
    try:
        if processes == 2:
            # It talks once it is at work.
            assert "backtest: runs: 0 of 2 done" in process.stderr.readline()
            os.killpg(process.pid, signal.SIGINT)
        else:
            assert wait_for(lambda: reading(process.pid))
            process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, out) == (130, "")
    assert err.splitlines()[-1] == "interrupted"
    assert "Traceback" not in err
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


def test_a_process_that_dies_ends_it_with_a_remedy(tmp_path: Path) -> None:
    process = long_run(tmp_path, 2)
    assert process.stderr is not None
    try:
        assert "backtest: runs: 0 of 2 done" in process.stderr.readline()
        os.kill(children(process.pid)[0], signal.SIGKILL)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, out) == (1, "")
    assert "one died (memory?): try --processes 1" in err
    assert "Traceback" not in err
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


def children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def wait_for(condition: Callable[[], bool], seconds: float = 30.0) -> bool:
    import time

    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def reading(pid: int) -> bool:
    """Whether the process has the memory of somebody who has read millions of tasks."""
    fields = Path(f"/proc/{pid}/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") > 90e6
