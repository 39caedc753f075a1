"""`make demo`, smaller: its sums against the files that are really there, and its end at Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
import pytest
from media import video
from media.demo.folder import fresh_folder
from media.demo.orders import Sizes, orders
from media.demo.progress import Progress
from media.demo.sums import DeadLetter, sums
from pypdf import PdfReader

from ops.errors import OpsError

REPOSITORY = Path(__file__).parents[2]
CLIPS, STATEMENTS, DOCUMENTS = 12, 30, 6


def demo(out: Path, *options: str, **env: str) -> subprocess.Popen[str]:
    sizes = (f"--clips={CLIPS}", f"--statements={STATEMENTS}", f"--documents={DOCUMENTS}")
    return subprocess.Popen(
        [sys.executable, "-m", "media.demo", "--out", str(out), "--json", *sizes, *options],
        # What a user may have set, and what none of it may reach.
        env={
            **os.environ,
            "PYTHONPATH": f"{REPOSITORY / 'examples/media'}:{REPOSITORY}",
            "AWS_PROFILE": "of-the-user",
            "AWS_ENDPOINT_URL_SQS": "http://127.0.0.1:9",
            "HTTP_PROXY": "http://127.0.0.1:9",
            "CELERY_BROKER_URL": "amqp://127.0.0.1:9",
            "FLEET_MANIFEST": "/nowhere/fleet.toml",
            **env,
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def processes_in(folder: Path) -> list[psutil.Process]:
    """The processes whose working folder is below `folder`: the demo's all are."""
    found = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()).is_relative_to(folder):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def wait_for_the_first_runs(out: Path, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    journal = out / "journal.jsonl"
    while not (journal.exists() and '"started"' in journal.read_text()):
        assert time.monotonic() < deadline, "no task was started"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], str]:
    """One whole demo: its folder, its result, and what it said meanwhile."""
    out = tmp_path_factory.mktemp("demo") / "out"
    process = demo(out)
    try:
        stdout, stderr = process.communicate(timeout=110)
    finally:
        process.kill()
    assert process.returncode == 0, stderr
    return out, json.loads(stdout), stderr


def journal_of(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "journal.jsonl").read_text().splitlines()]


def test_its_sums_are_those_of_the_files(ran: tuple[Path, dict[str, Any], str]) -> None:
    out, result, _ = ran
    queues = result["queues"]
    assert result["lost"] == 0
    assert [len(queues[name]["lost"]) for name in queues] == [0, 0, 0, 0]
    sources = {path: video.probe(path) for path in (out / "clips").glob("clip-*.mkv")}
    made = list((out / "out/video/clips").glob("*.mp4"))
    for path in made:
        source = sources[out / "clips" / f"{path.name.partition('.mkv')[0]}.mkv"]
        assert abs(video.probe(path).duration_seconds - source.duration_seconds) < 0.5
        assert path.with_suffix(".jpg").stat().st_size > 0
    assert len(made) == queues["video"]["finished"] == CLIPS
    statements = list((out / "out/statements").glob("*/*.pdf"))
    assert all(len(PdfReader(path).pages) > 1 for path in statements)
    assert len(statements) == queues["statements"]["finished"] == STATEMENTS
    deliveries = [
        json.loads(line)["message_id"]
        for line in (out / "mails/deliveries.jsonl").read_text().splitlines()
    ]
    assert len(set(deliveries)) == queues["email"]["finished"] == CLIPS + STATEMENTS + 1
    classified = list((out / "documents").glob("*.json"))
    assert len(classified) == queues["documents"]["finished"] == DOCUMENTS
    assert json.loads((out / "result.json").read_text()) == result


def test_its_runs_are_those_the_workers_recorded(ran: tuple[Path, dict[str, Any], str]) -> None:
    out, result, _ = ran
    lines = journal_of(out)
    starts = Counter(line["id"] for line in lines if line["event"] == "started")
    retried = Counter(line["id"] for line in lines if line.get("state") == "RETRY")
    twice = {id_ for id_, count in (starts - retried).items() if count > 1}
    told = [again for queue in result["queues"].values() for again in queue["run_twice"]]
    assert {again["id"] for again in told} == twice
    submitted = sum(queue["submitted"] for queue in result["queues"].values())
    assert submitted == len({line["id"] for line in lines})
    for queue in result["queues"].values():
        assert 0 <= queue["wait_p50"] <= queue["wait_p99"]


def test_what_the_killed_worker_ran_was_done_again(
    ran: tuple[Path, dict[str, Any], str],
) -> None:
    out, result, said = ran
    killed = [gone for gone in result["departures"] if gone["signal"] == "SIGKILL"]
    assert killed
    assert all(gone["exit_status"] == -signal.SIGKILL for gone in killed)
    assert "SIGKILL  video-" in said
    pids = {gone["pid"] for gone in killed}
    cut_off = [again for again in result["queues"]["video"]["run_twice"] if again["cut_off"]]
    assert cut_off
    lines = journal_of(out)
    for again in cut_off:
        first, second = [
            line["worker"]
            for line in lines
            if line["id"] == again["id"] and line["event"] == "started"
        ][:2]
        assert first in pids
        assert second not in pids
        assert again["whole"]
    # Nothing else was run twice, but what a killed worker had begun, or had sent.
    everywhere = [again for queue in result["queues"].values() for again in queue["run_twice"]]
    assert {again["killed"] for again in everywhere} <= pids


def test_the_drained_worker_left_nothing_to_do_again(
    ran: tuple[Path, dict[str, Any], str],
) -> None:
    _, result, said = ran
    drained = [gone for gone in result["departures"] if gone["signal"] == "SIGTERM"]
    assert "SIGTERM  statements-" in said
    assert {gone["exit_status"] for gone in drained} == {0}
    pids = {gone["pid"] for gone in drained if not gone["final"]}
    assert len(pids) == 1
    again = [again for queue in result["queues"].values() for again in queue["run_twice"]]
    assert not [one for one in again if one["first_worker"] in pids]


def test_damaged_input_is_in_the_dead_letter_queue(
    ran: tuple[Path, dict[str, Any], str],
) -> None:
    out, result, _ = ran
    dead = [letter for queue in result["queues"].values() for letter in queue["dead"]]
    assert {(letter["id"], letter["kind"]) for letter in dead} == {
        ("cut-off.mkv-240p", "TranscodeError"),
        ("not-a-scan.pdf", "InputError"),
    }
    assert result["unexpected_dead_letters"] == []
    assert not processes_in(out)


def test_the_reminder_came_in_its_time_and_every_mail_once(
    ran: tuple[Path, dict[str, Any], str],
) -> None:
    out, result, said = ran
    (reminder,) = result["later"]
    assert reminder["id"] == "reminder"
    assert reminder["countdown_seconds"] == 15
    assert reminder["late_seconds"] >= 0
    lines = (out / "mails/deliveries.jsonl").read_text().splitlines()
    deliveries = Counter(json.loads(line)["message_id"] for line in lines)
    assert set(deliveries.values()) == {1}
    assert "metrics of email-1: http://127.0.0.1:" in said


def test_ctrl_c_ends_every_process(tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = demo(out, "--clips=4")
    try:
        wait_for_the_first_runs(out)
        assert len(processes_in(out)) > 8
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130
    assert stdout == ""
    assert "Traceback" not in stderr
    assert stderr.splitlines()[-1].startswith("demo: stopped: ")
    assert not processes_in(out)


def test_it_does_not_outlive_its_own_kill(tmp_path: Path) -> None:
    out = tmp_path / "out"
    # Killed, it leaves the folder of its sockets behind.
    process = demo(out, "--clips=4", TMPDIR=str(tmp_path))
    try:
        wait_for_the_first_runs(out)
    finally:
        process.kill()
    process.communicate(timeout=30)
    deadline = time.monotonic() + 10
    while processes_in(out) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not processes_in(out)


def test_a_folder_of_someone_elses_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    process = demo(tmp_path)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    assert stdout == ""
    assert len(stderr.splitlines()) == 1
    assert "expected a new folder" in stderr
    assert (tmp_path / "clips").is_dir()


def test_a_folder_is_emptied_of_its_own_only_and_used_by_one_at_a_time(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with fresh_folder(out) as folder:
        (folder / "out").mkdir()
        (folder / "mine.txt").write_text("kept")
        with pytest.raises(OpsError, match="another one is running in it"), fresh_folder(out):
            pass
    with fresh_folder(out) as folder:
        assert not (folder / "out").exists()
        assert (folder / "mine.txt").read_text() == "kept"


def done(id_: str, worker: int = 1, state: str = "SUCCESS") -> list[dict[str, object]]:
    countdown, due = (15.0, 25.0) if id_ == "reminder" else (0.0, None)
    common = {"id": id_, "worker": worker}
    return [
        {**common, "event": "published", "at": 10.0, "due": due},
        {**common, "event": "started", "at": 12.0 + countdown, "sent": 10.0},
        {**common, "event": "ended", "at": 13.0 + countdown, "state": state},
    ]


def small_progress(*without: str) -> Progress:
    progress = Progress(orders(Sizes(clips=1, statements=1, documents=1)))
    for id_, order in progress.orders.items():
        if id_ not in without:
            for line in done(id_, state="FAILURE" if order.damaged else "SUCCESS"):
                progress.apply(line)
    return progress


def small_sums(progress: Progress, missing: str = "", **more: Any) -> Any:
    dead = [
        DeadLetter(id_, order.queue, "InputError", "damaged")
        for id_, order in progress.orders.items()
        if order.damaged
    ]
    whole = {id_ for id_, o in progress.orders.items() if id_ != missing and not o.damaged}
    given = {"whole": whole, "dead": dead, "left": {}, "departures": [], **more}
    return sums(progress, **given)


def test_the_sums_of_work_that_is_done() -> None:
    found = small_sums(small_progress())
    assert found.good
    assert [queue.finished for queue in found.queues] == [1, 1, 3, 1]
    assert {(queue.wait_p50, queue.wait_p99) for queue in found.queues} == {(2.0, 2.0)}


@pytest.mark.parametrize(
    ("without", "missing"),
    [
        (("mail-of-statement-1",), ""),  # never sent: its link was lost
        ((), "clip-000.mkv-240p"),  # said to be finished, and not there
    ],
)
def test_the_sums_show_what_was_lost(without: tuple[str, ...], missing: str) -> None:
    found = small_sums(small_progress(*without), missing)
    assert not found.good
    lost = {id_ for queue in found.queues for id_ in queue.lost}
    assert lost == {*without, missing} - {""}


def test_a_dead_letter_of_sound_input_is_no_success() -> None:
    progress = small_progress("statement-1", "mail-of-statement-1")
    for line in done("statement-1", state="FAILURE"):
        progress.apply(line)
    letter = DeadLetter("statement-1", "statements", "OSError", "no space left")
    damaged = small_sums(progress).queues
    dead = [*(one for queue in damaged for one in queue.dead), letter]
    found = small_sums(progress, "statement-1", dead=dead)
    assert (found.lost, found.unexpected, found.good) == (0, (letter,), False)
