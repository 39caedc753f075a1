"""`make demo`, smaller: its sums against what is really there, and its end at Ctrl-C."""

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
from media.demo.orders import Sizes, orders, waves
from media.demo.progress import Progress
from media.demo.sums import DeadLetter, Stay, sums
from pypdf import PdfReader

from ops.errors import OpsError

# A machine that does other things too takes minutes for what a free one does in one.
pytestmark = pytest.mark.timeout(400)

REPOSITORY = Path(__file__).parents[2]
CLIPS, STATEMENTS, DOCUMENTS = 12, 60, 6
PATIENCE_SECONDS = 300.0


def demo(out: Path, *options: str, **env: str) -> subprocess.Popen[str]:
    sizes = (f"--clips={CLIPS}", f"--statements={STATEMENTS}", f"--documents={DOCUMENTS}")
    options = ("--over=6", *options)
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
    """The demo's processes: their working folder is below `folder`, or their machine's root is."""
    found = []
    for process in psutil.process_iter():
        try:
            places = (process.cwd(), process.environ().get("FLEET_ROOT", "/"))
            if any(Path(place).is_relative_to(folder) for place in places):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def wait_for_the_first_runs(out: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    journal = out / "journal.jsonl"
    while not (journal.exists() and '"started"' in journal.read_text()):
        assert time.monotonic() < deadline, "no task was started"
        time.sleep(0.02)


def wait_for_the_first_node(out: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not list(out.glob("fleet/nodes/*/log/fleet-agent.service.log")):
        assert time.monotonic() < deadline, "no agent was started"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], str]:
    """One whole demo: its folder, its result, and what it said meanwhile."""
    out = tmp_path_factory.mktemp("demo") / "out"
    # In a work tree that ignores it, as `make demo` is.
    subprocess.run(["git", "init", "-q", out.parent], check=True)
    (out.parent / ".gitignore").write_text("out/\n")
    process = demo(out)
    try:
        stdout, stderr = process.communicate(timeout=PATIENCE_SECONDS)
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


def test_what_was_cut_off_was_done_again(ran: tuple[Path, dict[str, Any], str]) -> None:
    out, result, said = ran
    struck = {(one["kind"], one["queue"]) for one in result["incidents"]}
    assert struck == {("node", "video"), ("worker", "statements")}
    assert "VANISHED i-" in said
    assert "SIGKILL  the worker (pid " in said
    pids = {one["worker"]: one for one in result["incidents"]}
    again = [one for queue in result["queues"].values() for one in queue["run_twice"]]
    cut_off = [one for one in again if one["cut_off"]]
    assert [one for one in cut_off if one["queue"] == "video"]
    lines = journal_of(out)
    for one in cut_off:
        first, second = [
            line for line in lines if line["id"] == one["id"] and line["event"] == "started"
        ][:2]
        assert first["worker"] in pids
        assert second["worker"] not in pids
        if pids[first["worker"]]["kind"] == "node":
            assert second["node"] != first["node"] == pids[first["worker"]]["node"]
        assert one["whole"]
    # Nothing else was run twice, but what a killed worker had begun, or had sent.
    assert {one["killed"] for one in again} <= set(pids)


def test_the_fleet_went_from_no_node_to_no_node(ran: tuple[Path, dict[str, Any], str]) -> None:
    out, result, said = ran
    lines = journal_of(out)
    worked = {line["node"] for line in lines} - {None}
    assert worked <= {node["id"] for node in result["nodes"]}
    assert {node["queue"] for node in result["nodes"]} == set(result["queues"])
    assert all(node["left"] for node in result["nodes"])
    vanished = {one["node"] for one in result["incidents"] if one["kind"] == "node"}
    assert {node["id"] for node in result["nodes"] if node["vanished"]} == vanished
    for name, queue in result["queues"].items():
        assert 0 < queue["work_seconds"] < queue["node_seconds"]
        stays = [node["seconds"] for node in result["nodes"] if node["queue"] == name]
        assert queue["node_seconds"] == pytest.approx(sum(stays), abs=0.1)
    # By the engine's decisions, each of which is in its journal: every node that did not vanish
    # was asked to pause, and ended after that.
    decided = [json.loads(line) for line in (out / "engine.jsonl").read_text().splitlines()]
    done = {
        kind: {
            action.get("node")
            for line in decided
            for action, outcome in zip(line.get("do", []), line.get("out", []), strict=False)
            if action["kind"] == kind and outcome[0] == "done"
        }
        for kind in ("launch", "pause", "terminate")
    }
    left = {node["id"] for node in result["nodes"]} - vanished
    assert done["launch"]
    assert left <= done["pause"] & done["terminate"]
    assert "engine   video: launch" in said


def test_its_local_aws_ends_with_it(ran: tuple[Path, dict[str, Any], str]) -> None:
    out, _, _ = ran
    assert not processes_in(out)
    assert not (out / "fleet/local.json").exists()


def test_damaged_input_is_in_the_dead_letter_queue(
    ran: tuple[Path, dict[str, Any], str],
) -> None:
    _, result, _ = ran
    dead = [letter for queue in result["queues"].values() for letter in queue["dead"]]
    assert {(letter["id"], letter["kind"]) for letter in dead} == {
        ("cut-off.mkv-240p", "TranscodeError"),
        ("not-a-scan.pdf", "InputError"),
    }
    assert result["unexpected_dead_letters"] == []


def test_the_reminder_came_in_its_time_and_every_mail_once(
    ran: tuple[Path, dict[str, Any], str],
) -> None:
    out, result, _ = ran
    (reminder,) = result["later"]
    assert reminder["id"] == "reminder"
    assert reminder["countdown_seconds"] == 15
    assert reminder["late_seconds"] >= 0
    lines = (out / "mails/deliveries.jsonl").read_text().splitlines()
    deliveries = Counter(json.loads(line)["message_id"] for line in lines)
    assert set(deliveries.values()) == {1}


def test_ctrl_c_ends_every_process(tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = demo(out, "--clips=4")
    try:
        wait_for_the_first_runs(out)
        assert len(processes_in(out)) > 8
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert stdout == ""
    assert "Traceback" not in stderr
    assert "demo: ending the nodes, the engine and the local AWS (Ctrl-C again: at once)" in stderr
    assert stderr.splitlines()[-1].startswith("demo: stopped: ")
    assert not processes_in(out)


def test_it_does_not_outlive_its_own_kill(tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = demo(out, "--clips=4")
    try:
        wait_for_the_first_node(out)
    finally:
        process.kill()
    process.communicate(timeout=30)
    deadline = time.monotonic() + 30
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
    common = {"id": id_, "worker": worker, "node": "i-1"}
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
    slots = {"video": 2, "statements": 2, "email": 8, "documents": 2}
    given = {"whole": whole, "dead": dead, "left": {}, "slots": slots, "incidents": [], "stays": []}
    return sums(progress, **given | more)


def test_the_sums_of_work_that_is_done() -> None:
    found = small_sums(small_progress())
    assert found.good
    assert [queue.finished for queue in found.queues] == [1, 1, 3, 1]
    assert {(queue.wait_p50, queue.wait_p99) for queue in found.queues} == {(2.0, 2.0)}
    # Two clips of a second each, one after another, on a node of two slots.
    assert [queue.work_seconds for queue in found.queues] == [1.0, 0.5, 0.4, 1.0]


def test_a_node_that_has_not_left_is_no_success() -> None:
    stays = [
        Stay("i-1", "video", 20.0, left=True, vanished=False),
        Stay("i-2", "video", 30.5, left=False, vanished=False),
    ]
    found = small_sums(small_progress(), stays=stays)
    assert (found.lost, found.good) == (0, False)
    assert (found.queues[0].nodes, found.queues[0].node_seconds) == (2, 50.5)
    assert small_sums(small_progress(), stays=stays[:1]).good


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


def test_the_oldest_is_what_is_due_and_has_not_begun() -> None:
    progress = Progress(orders(Sizes(clips=1, statements=1, documents=1)))
    for id_ in ("statement-1", "reminder"):
        progress.apply(done(id_)[0])
    assert progress.oldest_seconds("statements", now=14.0) == 4.0
    assert progress.oldest_seconds("documents", now=14.0) is None
    # Sent at 10, due at 25.
    assert progress.oldest_seconds("email", now=14.0) is None
    assert progress.oldest_seconds("email", now=27.0) == 2.0
    progress.apply(done("statement-1")[1])
    assert progress.oldest_seconds("statements", now=14.0) is None


def test_the_waves_are_all_of_the_work() -> None:
    work = list(orders(Sizes(clips=7, statements=13, documents=3)).values())
    sent = [order for _, wave in waves(work) for order in wave]
    assert sent == work
    assert [at for at, wave in waves(work) if wave] == sorted({at for at, _ in waves(work)})
