import json
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from celery import Celery, current_app
from media import tasks
from media.errors import InputError, SettingsError
from media.files import whole_file
from media.settings import read_settings
from pypdf import PdfReader

from worker.fleet import load

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/media"
TASKS = (
    tasks.transcode,
    tasks.make_statement,
    tasks.send_statement,
    tasks.send_notice,
    tasks.classify_document,
)


@pytest.fixture
def app() -> Iterator[Celery]:
    before = current_app._get_current_object()
    app = Celery("media-tests", broker="memory://")
    app.set_current()
    yield app
    before.set_current()
    app.close()


def samples(out: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "media.samples", out, *options],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{EXAMPLE}"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_each_task_has_one_queue_in_the_manifest(app: Celery) -> None:
    fleet = load(EXAMPLE / "fleet.toml")
    assert list(fleet.queues) == ["video", "statements", "email", "documents"]
    assert fleet.imports == ("media.tasks",)
    found = {
        task.name: [
            name
            for name, queue in fleet.queues.items()
            if any(fnmatchcase(task.name, pattern) for pattern in queue.tasks)
        ]
        for task in TASKS
    }
    assert found == {
        "media.video.transcode": ["video"],
        "media.statements.make": ["statements"],
        "media.email.send_statement": ["email"],
        "media.email.send_notice": ["email"],
        "media.documents.classify": ["documents"],
    }


def test_ffmpeg_is_stopped_by_its_own_limit_before_the_queues() -> None:
    video = load(EXAMPLE / "fleet.toml").queues["video"]
    assert video.soft_time_limit is not None
    own_seconds = read_settings({}).transcode_timeout_seconds
    assert own_seconds < video.soft_time_limit.total_seconds()


def test_samples_go_through_the_tasks_and_results_are_json(
    app: Celery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = samples(tmp_path, "--clips", "1", "--users", "3", "--documents", "3")
    assert made.returncode == 0, made.stderr
    monkeypatch.setenv("MEDIA_ROOT", str(tmp_path))
    users = json.loads((tmp_path / "users.json").read_text(encoding="utf-8"))
    assert [user["user_id"] for user in users] == [1, 2, 3]

    clip = tasks.transcode.run("clips/clip-000.mkv")
    assert (clip["height"], clip["duration_seconds"]) == (480, 8.0)
    statement = tasks.make_statement.run(2, "2026-03")
    assert statement["account"] == users[1]["account"]
    assert len(PdfReader(tmp_path / statement["pdf"]).pages) == statement["pages"]
    linked = tasks.classify_document.run(json.loads(json.dumps(statement)))
    assert linked == tasks.classify_document.run(statement["pdf"])
    assert linked["fields"]["closing_cents"] == statement["closing_cents"]
    scans = [tasks.classify_document.run(f"documents/scan-{n:03}.pdf") for n in range(3)]
    assert [scan["kind"] for scan in scans] == ["invoice", "invoice", "unclassified"]
    for result in (clip, statement, linked, *scans):
        assert json.loads(json.dumps(result)) == result


def test_samples_are_the_same_each_time_and_kept_where_they_are(tmp_path: Path) -> None:
    options = ("--clips", "1", "--users", "2", "--documents", "3")
    one, two = tmp_path / "one", tmp_path / "two"
    assert samples(one, *options).returncode == samples(two, *options).returncode == 0
    files = sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file())
    assert len(files) == 5
    assert [(one / file).read_bytes() for file in files] == [
        (two / file).read_bytes() for file in files
    ]
    clip = one / "clips/clip-000.mkv"
    before = clip.stat().st_mtime_ns
    assert samples(one, *options).returncode == 0
    assert clip.stat().st_mtime_ns == before


def test_samples_that_cannot_be_written_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "clips").write_text("a file where a folder should be")
    failed = samples(tmp_path, "--clips", "1", "--users", "1", "--documents", "0")
    assert failed.returncode == 1
    assert failed.stderr.splitlines()[-1].startswith("Error: ")
    assert "Traceback" not in failed.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MEDIA_SMTP_PORT", "mail"),
        ("MEDIA_SMTP_PORT", "0"),
        ("MEDIA_SMTP_PORT", "65536"),
        ("MEDIA_SMTP_TIMEOUT_SECONDS", "-1"),
        ("MEDIA_MAX_CLIP_SECONDS", ""),
        ("MEDIA_MAX_SOURCE_BYTES", "1e9"),
        ("MEDIA_MAX_DOCUMENT_PAGES", "٣"),
        ("MEDIA_OUT", "../out"),
        ("MEDIA_OUT", "/tmp"),
    ],
)
def test_a_setting_that_cannot_be_names_its_variable(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name}: expected .*, got .*; "):
        read_settings({"MEDIA_ROOT": str(tmp_path), name: value})


def test_a_root_behind_a_symbolic_link_is_still_the_root(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/a.txt").write_text("a")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    settings = read_settings({"MEDIA_ROOT": str(tmp_path / "link")})
    found = settings.source("a.txt", "source", max_bytes=10)
    assert found == tmp_path / "real/a.txt"
    assert settings.source(str(tmp_path / "link/a.txt"), "source", max_bytes=10) == found
    with pytest.raises(InputError, match=r"^source: expected a path below MEDIA_ROOT"):
        settings.inside("../link-2/a.txt", "source")


def test_a_file_is_whole_or_as_it_was(tmp_path: Path) -> None:
    target = tmp_path / "folder/a.txt"
    with whole_file(target) as part:
        part.write_text("first")
        assert not target.exists()
    assert target.read_text() == "first"

    def fail_half_way() -> None:
        with whole_file(target) as part:
            part.write_text("sec")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert [path.name for path in target.parent.iterdir()] == ["a.txt"]
    assert target.read_text() == "first"


def test_two_writers_at_once_do_not_mix(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    with whole_file(target) as outer, whole_file(target) as inner:
        outer.write_text("outer")
        inner.write_text("inner")
    assert target.read_text() == "outer"  # the last to finish
    assert len(list(tmp_path.iterdir())) == 1


def test_errors_survive_a_pool_of_processes(app: Celery) -> None:
    with pytest.raises(InputError) as raised:
        tasks.make_statement.run(0, "2026-03")
    copy = pickle.loads(pickle.dumps(raised.value))
    assert (type(copy), str(copy)) == (InputError, str(raised.value))


def test_what_a_killed_worker_left_is_removed_after_an_hour(tmp_path: Path) -> None:
    old, recent = tmp_path / ".part-old", tmp_path / ".part-recent"
    for part, age_seconds in ((old, 3700), (recent, 3500)):
        part.write_text("half")
        then = time.time() - age_seconds
        os.utime(part, (then, then))
    with whole_file(tmp_path / "a.txt") as part:
        part.write_text("whole")
    assert {path.name for path in tmp_path.iterdir()} == {"a.txt", ".part-recent"}
