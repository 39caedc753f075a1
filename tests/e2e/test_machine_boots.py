"""A node that boots again while it works, as where another release was put: it is swapped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from ops.release.artifact import pack
from ops.release.contents import files_of
from ops.release.pointer import Pointer
from ops.release.store import make_current, put
from tests.cloud.local_stacks import REGION, client
from tests.e2e.fleet import REPOSITORY, wait_for
from tests.e2e.machine_work import MANIFEST, Working, working

BUCKET: Final = "works-artifacts"
BOOT: Final = (
    "/opt/fleet/python/bin/ops node boot "
    f"--fleet works --queue work --bucket {BUCKET} --region {REGION}"
)
#: Notes the release that runs it, once its word's file is there.
WORK: Final = """
import os, time
from celery import shared_task
@shared_task(name="work.note")
def note(path, word):
    open(f"{path}.{word}.begun", "w").close()
    while not os.path.exists(f"{path}.{word}.go"):
        time.sleep(0.05)
    with open(path, "a") as file:
        file.write(f"{word} {os.environ['FLEET_RELEASE']}\\n")
"""


@pytest.fixture
def on(tmp_path: Path) -> Iterator[Working]:
    with working(tmp_path) as found:
        where = {"LocationConstraint": REGION}
        client(found.url, "s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration=where)
        (found.folder / "app").mkdir()
        (found.folder / "app/work.py").write_text(WORK)
        units = found.node.root / "etc/systemd/system"
        units.mkdir(parents=True)
        for unit in (REPOSITORY / "deploy/systemd").glob("fleet-*.service"):
            (units / unit.name).write_text(unit.read_text())
        found.node.start()
        yield found


def boot(on: Working, release: str, drain_budget: str = "90s") -> None:
    """Put a release, and boot the node."""
    app, s3 = on.folder / "app", client(on.url, "s3")
    (app / "fleet.toml").write_text(f'{MANIFEST}drain_budget = "{drain_budget}"\n')
    artifact = pack(app, files_of(app).files, release)
    put(s3, BUCKET, artifact)
    make_current(s3, BUCKET, Pointer.to(artifact.release, artifact.sha256))
    ran = on.node.ask("run", script=BOOT)
    assert (ran["exit"], ran["stderr"]) == (0, ""), ran


def let(on: Working, word: str) -> None:
    Path(f"{on.folder}/noted.{word}.go").touch()


def begun(on: Working, word: str) -> bool:
    return Path(f"{on.folder}/noted.{word}.begun").exists()


def publish(on: Working, *words: str) -> None:
    lines = "".join(f'["{on.folder}/noted", "{word}"]\n' for word in words)
    on.ops("tasks", "publish", "work.note", "--queue", "work", "--from", "-", given=lines)


def pid_of(unit: dict[str, Any]) -> int:
    pid: int = unit["pid"]
    return pid


def test_another_release_is_swapped_in_and_what_ran_finishes(on: Working) -> None:
    boot(on, "r1")
    publish(on, "first")
    wait_for(lambda: begun(on, "first"), "a task of the first release")
    agent = pid_of(on.node.becomes("fleet-agent", active="active"))
    on.node.becomes("fleet-worker@r1", active="active")

    boot(on, "r2", drain_budget="60s")
    publish(on, "second")
    wait_for(lambda: begun(on, "second"), "a task of the second release")
    assert on.node.status("fleet-worker@r1")["active"] == "deactivating"
    second = pid_of(on.node.becomes("fleet-worker@r2", active="active"))
    another = pid_of(on.node.becomes("fleet-agent", active="active"))
    assert another != agent
    let(on, "first")
    left = on.node.becomes("fleet-worker@r1", active="inactive")
    assert (left["exit"], left["restarts"]) == ("exit 0", 0)
    assert on.ran() == {"first": "r1"}

    # The same once more changes nothing for what runs.
    assert on.node.ask("run", script=BOOT)["exit"] == 0
    on.node.becomes("fleet-agent", active="active")
    ping = {"script": "/opt/fleet/python/bin/ops node ping"}
    wait_for(lambda: on.node.ask("run", **ping)["exit"] == 0, "a node that is well")
    let(on, "second")
    wait_for(lambda: on.ran() == {"first": "r1", "second": "r2"}, "the second task's end")
    assert on.node.status("fleet-worker@r2")["pid"] == second
    assert on.node.status("fleet-worker@r1")["active"] == "inactive"
