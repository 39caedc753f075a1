"""`ops manifest` as a person runs it: a process, its output, its exit code."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

ROOT = Path(__file__).parents[2]

TEXT = """
name = "media"
[queues.video]
tasks = ["media.[vw]ideo.*", "a.task.with.a.very.long.name.that.no.terminal.has.room.for.in.a.cell"]
lease = "20m"
[queues.mail]
tasks = ["mail.*"]
pool = "solo"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "fleet.toml").write_text(TEXT)
    return tmp_path


def ops(
    *args: str, cwd: Path = ROOT, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if k not in ("FLEET_MANIFEST", "FORCE_COLOR")}
    return subprocess.run(
        [sys.executable, "-m", "ops", *args],
        cwd=cwd,
        env={**clean, "PYTHONPATH": str(ROOT), **(env or {})},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_check_says_what_the_queues_promise(folder: Path) -> None:
    ran = ops("manifest", "check", cwd=folder)
    assert (ran.returncode, ran.stderr) == (0, "")
    first, *notes = ran.stdout.splitlines()
    assert first == "fleet.toml: nothing wrong: fleet media, 2 queues"
    assert notes[0].startswith("video: note: prefork keeps every promise")
    assert notes[1].startswith("mail: note: solo cannot end one task")
    assert notes[-1] == (
        "queues.video.lease: caution: after a crash its work stays hidden for up to 20m"
    )


def test_check_as_json(folder: Path) -> None:
    ran = ops("manifest", "check", "--json", cwd=folder)
    data = json.loads(ran.stdout)
    assert (ran.returncode, data["fleet"], data["problems"]) == (0, "media", [])
    assert [c["key"] for c in data["queues"]["video"]["cautions"]] == ["lease"]
    assert len(data["queues"]["mail"]["promises"]) == 3


def test_check_shows_what_surprises_in_a_queues_scaling(folder: Path) -> None:
    windows = "".join(
        f'[[queues.video.scaling.windows]]\nbegins = "0 {hour} * * *"\nends = "0 20 * * *"\n'
        f'timezone = "Europe/Berlin"\n{bound}\n'
        for hour, bound in ((8, "min = 6"), (9, "max = 4"))
    )
    (folder / "fleet.toml").write_text(
        'name = "media"\n[queues.video]\ntasks = ["media.*"]\nlease = "20m"\n'
        'nodes.max = 8\nslo.start_within = "1m"\nscaling.headroom = "off"\n'
        f'scaling.predict = "off"\n{windows}'
    )
    ran = ops("manifest", "check", cwd=folder)
    assert (ran.returncode, ran.stderr) == (0, "")
    found = [line for line in ran.stdout.splitlines() if ": caution: " in line]
    assert [line.split(": ")[0] for line in found] == [
        "queues.video.lease",
        "queues.video.slo.start_within",
        "queues.video.scaling.windows[0]",
    ]
    assert "60 s cannot be kept from no nodes" in found[1]
    assert "window 1 asks for 6 nodes while window 2 allows 4" in found[2]
    data = json.loads(ops("manifest", "check", "--json", cwd=folder).stdout)
    said = data["queues"]["video"]["cautions"]
    assert [f"queues.video.{c['key']}: caution: {c['text']}" for c in said] == found


def test_check_says_what_aws_would_refuse(folder: Path) -> None:
    (folder / "fleet.toml").write_text(
        'name = "media"\n[queues.video]\ntasks = ["media.*"]\nruntime = "ecs"\n'
    )
    ran = ops("manifest", "check", cwd=folder)
    assert (ran.returncode, ran.stderr) == (0, "")
    first, *_, last = ran.stdout.splitlines()
    assert first.partition(": ")[2] == (
        "nothing wrong: fleet media, 1 queue; 1 to mend before it goes to AWS"
    )
    assert last.startswith("queues.video.nodes.image: on AWS: expected the container image")
    data = json.loads(ops("manifest", "check", "--json", cwd=folder).stdout)
    assert [each["place"] for each in data["on_aws"]] == ["queues.video.nodes.image"]


def test_check_of_a_wrong_manifest(folder: Path) -> None:
    wrong = folder / "wrong.toml"
    wrong.write_text(TEXT.replace("lease", "leese").replace("solo", "gevent"))
    ran = ops("--manifest", str(wrong), "manifest", "check")
    assert (ran.returncode, ran.stderr) == (2, "")
    assert ran.stdout.splitlines() == [
        f"{wrong}: queues.video.leese: unknown key: did you mean lease?",
        f'{wrong}: queues.mail.pool: expected "prefork", "threads" or "solo", got "gevent": '
        "choose one of them",
    ]
    ran = ops("--manifest", str(wrong), "manifest", "check", "--json")
    assert ran.returncode == 2
    assert json.loads(ran.stdout)["problems"][0] == {
        "place": "queues.video.leese",
        "what": "unknown key",
        "remedy": "did you mean lease?",
    }


@pytest.mark.parametrize("args", [("manifest", "show"), ("queues", "apply")])
def test_a_wrong_manifest_ends_every_command_in_one_line_and_two(
    args: tuple[str, ...], tmp_path: Path
) -> None:
    ran = ops(*args, cwd=tmp_path)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == (
        "fleet.toml: expected a manifest, got no such file: "
        "start where fleet.toml lies, or set FLEET_MANIFEST to its path\n"
    )


def test_the_manifest_is_found_through_the_environment(folder: Path) -> None:
    env = {"FLEET_MANIFEST": str(folder / "fleet.toml")}
    assert ops("manifest", "check", env=env).stdout.startswith(env["FLEET_MANIFEST"])


def test_show_on_a_pipe_is_plain_aligned_and_whole(folder: Path) -> None:
    ran = ops("manifest", "show", cwd=folder, env={"COLUMNS": "40"})
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "\x1b" not in ran.stdout
    lines = ran.stdout.splitlines()
    assert lines[1].split() == ["media", "-", "-", "fleet.toml"]
    header = next(line for line in lines if line.startswith("key"))
    column = header.index("mail")
    rows = {line.split()[0]: line for line in lines[lines.index(header) + 1 :]}
    assert (
        "media.[vw]ideo.*, a.task.with.a.very.long.name.that.no.terminal.has.room.for.in.a.cell"
        in rows["tasks"]
    )
    assert rows["pool"].split() == ["pool", "prefork", "*", "solo"]
    assert rows["lease"].split() == ["lease", "20m", "1m", "*"]
    assert rows["concurrency"].split() == ["concurrency", "4", "*", "1", "*"]
    assert all(row[column - 1] == " " and row[column] != " " for row in rows.values())
    assert all(line == line.rstrip() for line in lines)


def test_show_as_json(folder: Path) -> None:
    data = json.loads(ops("manifest", "show", "--json", cwd=folder).stdout)
    video = data["queues"]["video"]
    assert list(data["queues"]) == ["video", "mail"]
    assert (video["lease"], video["time_limit"], video["drain_budget"]) == ("20m", "1h", "1h")
    assert video["dead_letter_name"] == "media-video-dlq"
    assert "lease" not in video["defaulted"]
    assert {"poll", "drain_budget", "slo.start_within"} <= set(video["defaulted"])


def test_schema_checks_a_manifest() -> None:
    schema = json.loads(ops("manifest", "schema").stdout)
    jsonschema.validate({"name": "m", "queues": {"a": {"tasks": ["a"]}}}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"name": "m", "queues": {"a": {}}}, schema)


def on_a_terminal(cwd: Path) -> str:
    """What `ops manifest show` writes to a terminal 60 columns wide."""
    main, terminal = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "ops", "manifest", "show"],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "60"},
        stdout=terminal,
        stderr=subprocess.DEVNULL,
    ) as process:
        os.close(terminal)
        seen = b""
        try:
            while chunk := os.read(main, 65_536):
                seen += chunk
        except OSError:
            pass  # EIO: the process closed the terminal's other side
        assert process.wait(timeout=30) == 0
    os.close(main)
    return seen.decode()


def test_a_terminal_gets_emphasis_and_folded_cells(folder: Path) -> None:
    seen = on_a_terminal(folder)
    assert "\x1b[1m" in seen
    assert max(map(len, seen.replace("\x1b[1m", "").replace("\x1b[0m", "").splitlines())) <= 60


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("manifset",), "No such command 'manifset'"),
        (("manifest", "chekc"), "No such command 'chekc'"),
        (("manifest", "check", "--yaml"), "No such option"),
    ],
)
def test_wrong_usage_is_two(args: tuple[str, ...], words: str) -> None:
    ran = ops(*args)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert words in ran.stderr
    assert "Traceback" not in ran.stderr


def test_help_names_the_nouns_and_imports_none_of_them() -> None:
    code = (
        "import sys\n"
        "from ops.cli.app import run\n"
        "code = run(['--help'])\n"
        "heavy = {'pydantic', 'rich', 'boto3', 'ops.cli.manifest', 'ops.cli.queues'}\n"
        "print(code, heavy & sys.modules.keys())\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    *help_page, last = ran.stdout.splitlines()
    assert last == "0 set()"
    assert {"manifest", "node", "queues"} <= {line.split()[0] for line in help_page if line}


def test_a_reader_that_leaves_early_is_no_error(folder: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ran = subprocess.run(
            [sys.executable, "-m", "ops", "manifest", "show", "--json"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            timeout=30,
            check=False,
        )
    finally:
        os.close(writing)
    assert (ran.returncode, ran.stderr) == (1, "")
