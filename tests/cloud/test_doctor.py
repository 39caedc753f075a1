"""`ops doctor` as a person runs it: on applications with faults, against an account (moto)."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from ops.doctor.rules.table import RULES
from tests.cloud.queues_account import KEYS, REGION, ROOT, moto_server
from worker.fleet import load

APPS = Path(__file__).parent / "doctor_apps"
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with moto_server() as url:
        yield url


def environment(url: str = NOWHERE, **env: str) -> dict[str, str]:
    others = ("AWS_", "FLEET_", "CELERY_", "DJANGO_")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(others)}
    return {
        **kept,
        **KEYS,
        "AWS_ENDPOINT_URL": url,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "PYTHONPATH": str(ROOT),
        **env,
    }


def doctor(folder: Path, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
    ran = subprocess.run(
        [sys.executable, "-P", "-W", "ignore", "-m", "ops", "doctor", *args],
        cwd=folder,
        env=environment(**env),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in ran.stderr, ran.stderr
    return ran


def examined(folder: Path, *args: str, **env: str) -> dict[str, Any]:
    ran = doctor(folder, "--json", *args, **env)
    assert ran.stdout, ran.stderr
    data: dict[str, Any] = json.loads(ran.stdout)
    bites = {finding["severity"] for finding in data["findings"]} - {"note"}
    assert ran.returncode == (3 if bites else 0)
    for secret in ("AKIAEXAMPLE", "very%2Fsecret", "very-secret"):
        assert secret not in ran.stdout + ran.stderr
    return data


def found(data: dict[str, Any]) -> set[tuple[str, str]]:
    return {(finding["rule"], finding["place"]) for finding in data["findings"]}


def test_a_stock_application_has_its_every_fault_named(moto: str, tmp_path: Path) -> None:
    sqs = boto3.client("sqs", region_name=REGION, endpoint_url=moto, **_keys())
    for name in (
        "prod-celery",
        "prod-mail",
        "prod-0a1b-reply-celery-pidbox",
        "prod-celeryev-0a1b",
        "celeryev-of-another",
    ):
        sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "900"})
    proposal = tmp_path / "fleet.toml"
    data = examined(
        APPS / "stock", "--app", "shop.celery:app", "--propose", str(proposal), url=moto
    )
    at = "broker_transport_options"
    expected = {
        ("stock-broker", "broker_url"),
        ("broker-keys", "broker_url"),
        ("visibility", "shop/tasks.py:8"),
        ("visibility", "shop/tasks.py:13"),
        ("visibility", "shop/tasks.py:19"),
        ("too-long", "shop/tasks.py:8"),
        ("acks-early", "task_acks_late"),
        ("worker-lost", "task_reject_on_worker_lost"),
        ("failures", "task_acks_on_failure_or_timeout"),
        ("content", "task_serializer"),
        ("content", "accept_content"),
        ("task-content", "shop/tasks.py:13"),
        ("call-content", "shop/views.py:9"),
        ("protocol", "task_protocol"),
        ("pool", "worker_pool"),
        ("eager", "task_always_eager"),
        ("prefetch", "worker_prefetch_multiplier"),
        ("countdown", "shop/views.py:8"),
        ("countdown", "shop/views.py:9"),
        ("long-countdown", "shop/tasks.py:16"),
        ("retries", "shop/tasks.py:19"),
        ("control-setting", "worker_enable_remote_control"),
        ("control", "shop/views.py:12"),
        ("events-setting", "worker_send_task_events"),
        ("events-setting", "task_send_sent_event"),
        ("events", "shop/views.py:13"),
        ("result-backend", "result_backend"),
        ("chord", "shop/tasks.py:21"),
        ("builtin-task", "shop/views.py:11"),
        ("rate-limit", "shop/tasks.py:13"),
        ("priority", "shop/tasks.py:13"),
        ("priority", "task_queue_max_priority"),
        ("priority", "task_queues: mail"),
        ("call-priority", "shop/views.py:9"),
        ("subprocess", "shop/tasks.py:10"),
        ("sqs-message", "shop/tasks.py:15"),
        ("several-queues", "task_queues"),
        ("create-missing", "task_create_missing_queues"),
        ("fifo", "task_queues: in-order.fifo"),
        ("exchange", "task_queues: all"),
        *(("transport-option", f"{at}.{key}") for key in ("region", "visibility_timeout")),
        *(("transport-option", f"{at}.{key}") for key in ("polling_interval", "queue_name_prefix")),
        ("transport-option", f"{at}.predefined_queues"),
        ("beat", "beat_schedule: report"),
        ("beat", "beat_schedule: often"),
        ("no-dead-letters", "prod-celery"),
        ("no-dead-letters", "prod-mail"),
        ("leftover", "prod-0a1b-reply-celery-pidbox"),
        ("leftover", "prod-celeryev-0a1b"),
    }
    assert found(data) - expected == set()
    assert expected - found(data) == set()
    assert data["not_looked"] == []
    fleet = load(proposal)
    assert fleet.route("shop.tasks.send") == "mail"
    assert {s.cron for s in fleet.schedules.values()} == {"5 3 * * *"}


def _keys() -> dict[str, str]:
    return {name.lower(): value for name, value in KEYS.items()}


def test_a_django_project_is_read_with_its_models(tmp_path: Path) -> None:
    proposal = tmp_path / "fleet.toml"
    data = examined(
        APPS / "django_before", "--app", "bookshop", "--offline", "--propose", str(proposal)
    )
    assert ("stock-broker", "broker_url") in found(data)
    assert ("no-time-limit", "task_time_limit") in found(data)
    fleet = load(proposal)
    assert fleet.imports == ("books.tasks",)
    assert fleet.route("books.tasks.count") == "books"
    assert fleet.schedules["daily"].timezone == "Europe/Berlin"


def test_an_application_on_the_fleet_keeps_the_faults_of_its_own(moto: str) -> None:
    data = examined(APPS / "adopted", "--app", "shop.celery:app", url=moto)
    assert found(data) == {
        ("acks-early", "task_acks_late"),
        ("too-long", "shop/tasks.py:4"),
        ("unrouted", "shop/tasks.py:9"),
        ("unknown-queue", "shop/tasks.py:11"),
        ("long-countdown", "shop/tasks.py:6"),
        ("beat", "beat_schedule: report"),
        ("missing-queue", "adopted-mail"),
        ("missing-queue", "adopted-delayed"),
        *(("missing-store", f"adopted-{table}") for table in ("once", "waiting", "registry")),
    }
    assert data["not_looked"] == []
    assert data["proposal"] is None


def test_what_is_applied_is_found_as_it_is_wanted(moto: str, tmp_path: Path) -> None:
    shutil.copytree(APPS / "adopted", tmp_path, dirs_exist_ok=True)
    text = (tmp_path / "fleet.toml").read_text()
    top = 'name = "stored"\npayload_bucket = "stored-big"\n'
    (tmp_path / "fleet.toml").write_text(text.replace('name = "adopted"\n', top))

    def account() -> set[tuple[str, str]]:
        data = examined(tmp_path, "--app", "shop.celery:app", url=moto)
        assert data["not_looked"] == []
        return {each for each in found(data) if "queue" in each[0] or "store" in each[0]}

    assert ("missing-store", "stored-big") in account()
    for noun in ("queues", "stores"):
        applied = subprocess.run(
            [sys.executable, "-m", "ops", noun, "apply", "--yes"],
            cwd=tmp_path,
            env=environment(moto),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert applied.returncode == 0, applied.stderr
    assert account() == {("unknown-queue", "shop/tasks.py:11")}
    s3 = boto3.client("s3", region_name=REGION, endpoint_url=moto, **_keys())
    s3.delete_public_access_block(Bucket="stored-big")
    assert account() == {("unknown-queue", "shop/tasks.py:11"), ("store-differs", "stored-big")}


@pytest.mark.parametrize(("folder", "app"), [("media", None), ("django", "shop.celery:app")])
def test_the_examples_are_clean(folder: str, app: str | None) -> None:
    args = () if app is None else ("--app", app)
    data = examined(ROOT / "examples" / folder, *args, "--offline")
    assert data["findings"] == []
    assert [line.partition(":")[0] for line in data["not_looked"]] == ["AWS"]


def test_an_account_out_of_reach_is_said_and_not_taken_for_empty() -> None:
    data = examined(APPS / "stock", "--app", "shop.celery:app", AWS_MAX_ATTEMPTS="1")
    assert not {"no-dead-letters", "missing-queue", "leftover"} & {r for r, _ in found(data)}
    assert data["not_looked"]
    assert all(line.startswith("AWS: ") for line in data["not_looked"])


#: What is asked for, and what the one line says.
UNLOADABLE = [
    ("nowhere:app", "expected a module nowhere, found none in"),
    ("raises:app", "raises.py:1: KeyError: 'SHOP_TOKEN': mend it"),
    ("imports:app", "imports.py:1: ModuleNotFoundError: No module named 'a_library_nobody_has'"),
    ("leaves:app", "leaves.py:1: SystemExit: set SHOP_TOKEN first"),
    ("vanishes:app", "it ended the process (status 7)"),
    ("bad_tasks:app", "raises.py:1: KeyError"),
    ("bad_tasks:other", "expected a Celery application, found no other in bad_tasks"),
    ("nothing:app", "expected a Celery application, found a int"),
    ("nothing", "expected a Celery application"),
    ("", "expected a Celery application, found no name of one"),
    ("raises:", "expected a Celery application, found no name of one"),
]


@pytest.mark.parametrize(("asked", "said"), UNLOADABLE, ids=[asked for asked, _ in UNLOADABLE])
def test_an_application_that_does_not_load_is_one_line(asked: str, said: str) -> None:
    ran = doctor(APPS / "broken", "--app", asked, "--offline")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith(f"--app {asked}: ")
    assert said in ran.stderr
    assert ran.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ('app.conf.timezone = "Mars/Base"', "ZoneInfoNotFoundError"),
        ('app.conf.broker_url = "sqs://[bad"', "ValueError: Invalid IPv6 URL"),
        ('app.conf.task_queues = ["a"]', "AttributeError: 'str' object has no attribute 'name'"),
        ('app.conf.beat_schedule = ["a"]', "AttributeError: 'list' object"),
    ],
)
def test_settings_that_cannot_be_read_are_one_line(setting: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(f"from celery import Celery\napp = Celery('own')\n{setting}\n")
    ran = doctor(tmp_path, "--app", "own:app", "--offline")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("--app own:app: expected settings that Celery can read, found ")
    assert said in ran.stderr
    assert ran.stderr.count("\n") == 1


def test_without_an_application_it_says_how_to_name_one(tmp_path: Path) -> None:
    ran = doctor(tmp_path)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "expected a manifest" in ran.stderr
    assert ran.stderr.count("\n") == 1


def test_a_module_that_hides_ours_is_named(tmp_path: Path) -> None:
    (tmp_path / "worker.py").write_text("from celery import Celery\napp = Celery('own')\n")
    (tmp_path / "own.py").write_text("from worker import app\n")
    ran = doctor(tmp_path, "--app", "own:app", "--offline")
    assert ran.returncode == 2
    assert "own.py:1: ImportError" in ran.stderr
    assert "its worker.py is hidden by ours: rename it" in ran.stderr


def test_a_proposal_overwrites_nothing(tmp_path: Path) -> None:
    kept = tmp_path / "fleet.toml"
    kept.write_text("kept")
    ran = doctor(APPS / "stock", "--app", "shop", "--offline", "--propose", str(kept))
    assert (ran.returncode, ran.stdout, kept.read_text()) == (2, "", "kept")
    assert ran.stderr.count("\n") == 1
    ran = doctor(APPS / "adopted", "--app", "shop", "--offline", "--propose", str(tmp_path / "b"))
    assert ran.returncode == 2
    assert "found fleet.toml" in ran.stderr
    assert not (tmp_path / "b").exists()


def test_text_for_people_has_the_place_first_and_the_proposal_last(tmp_path: Path) -> None:
    ran = doctor(APPS / "stock", "--app", "shop", "--offline")
    lines = ran.stdout.splitlines()
    assert "\x1b" not in ran.stdout
    assert lines[0].startswith("broker_url: error: ")
    assert lines[0].endswith("[stock-broker]")
    assert lines[1].startswith("    ")
    assert "printed at import" in ran.stderr
    assert "printed at import" not in ran.stdout
    text = ran.stdout[ran.stdout.index("# Proposed by ops doctor") :]
    (tmp_path / "fleet.toml").write_text(text)
    assert load(tmp_path / "fleet.toml").name == "shop"


def test_it_changes_nothing_in_the_account(moto: str) -> None:
    sqs = boto3.client("sqs", region_name=REGION, endpoint_url=moto, **_keys())
    before = sqs.list_queues().get("QueueUrls")
    examined(APPS / "adopted", "--app", "shop", url=moto)
    assert sqs.list_queues().get("QueueUrls") == before


def test_ctrl_c_ends_it_and_what_it_loads(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(
        "import os, pathlib, time\n"
        "pathlib.Path('pid').write_text(str(os.getpid()))\ntime.sleep(600)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-P", "-W", "ignore", "-m", "ops", "doctor", "--app", "slow:app"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        pid = _waited_for(tmp_path / "pid")
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=30)
    finally:
        process.kill()
    assert (process.returncode, stdout, stderr.strip()) == (130, "", "interrupted")
    assert not Path(f"/proc/{pid}").exists()


def _waited_for(file: Path) -> int:
    deadline = time.monotonic() + 40
    while not (file.exists() and file.read_text()):
        assert time.monotonic() < deadline, f"no {file}"
        time.sleep(0.02)
    return int(file.read_text())


def test_the_rules_are_printed() -> None:
    ran = doctor(ROOT, "--rules")
    assert ran.returncode == 0
    assert all(f"| `{rule.id}` |" in ran.stdout for rule in RULES)
