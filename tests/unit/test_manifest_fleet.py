"""A loaded manifest: where it is found, what it holds, where tasks go."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from worker.fleet import Fleet, ManifestError, Queue, UnknownQueueError, load

TEXT = """
name = "media"
region = "eu-west-1"
imports = ["app.tasks"]

[defaults]
lease = "90s"
max_tasks_per_child = 50
concurrency = 6
slo.start_within = "2m"

[queues.video]
tasks = ["media.video.*", "media.mail.preview"]
time_limit = "2h"
max_memory_per_child = "512MiB"

[queues.mail]
tasks = ["media.mail.*", "post"]
pool = "solo"
lease = "30s"
drain_budget = "90s"
"""


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return load(written(tmp_path / "fleet.toml"))


def written(file: Path, text: str = TEXT) -> Path:
    file.write_text(text)
    return file


def test_types_and_defaults(fleet: Fleet) -> None:
    video = fleet.queue("video")
    assert (fleet.name, fleet.region, fleet.imports) == ("media", "eu-west-1", ("app.tasks",))
    assert video.name == "video"
    assert video.tasks == ("media.video.*", "media.mail.preview")
    assert video.lease == timedelta(seconds=90)
    assert video.max_memory_per_child == 512 * 2**20
    assert video.drain_budget == video.time_limit == timedelta(hours=2)
    assert video.slo.start_within == timedelta(minutes=2)
    assert fleet.queue("mail").lease == timedelta(seconds=30)
    assert fleet.queue("mail").drain_budget == timedelta(seconds=90)


def test_a_queue_inherits_only_what_its_pool_has_a_use_for(fleet: Fleet) -> None:
    assert (fleet.queue("video").concurrency, fleet.queue("video").max_tasks_per_child) == (6, 50)
    assert (fleet.queue("mail").concurrency, fleet.queue("mail").max_tasks_per_child) == (1, None)


def test_slots_where_the_manifest_does_not_say() -> None:
    assert Queue(name="a", tasks=("a",)).concurrency == 4
    assert Queue(name="a", tasks=("a",), pool="solo").concurrency == 1


def test_names_and_tags(fleet: Fleet) -> None:
    assert fleet.physical_name("mail") == "media-mail"
    assert fleet.dead_letter_name("mail") == "media-mail-dlq"
    assert fleet.tags("mail") == {"fleet:name": "media", "fleet:queue": "mail"}


@pytest.mark.parametrize(
    ("task", "queue"),
    [
        ("media.video.transcode", "video"),
        ("media.mail.send", "mail"),
        ("media.mail.preview", "video"),  # an exact name wins over a glob
        ("post", "mail"),
        ("postbox", None),
        ("MEDIA.MAIL.SEND", None),
        ("other", None),
    ],
)
def test_routes(fleet: Fleet, task: str, queue: str | None) -> None:
    assert fleet.route(task) == queue


def test_the_first_glob_of_the_file_wins(tmp_path: Path) -> None:
    text = 'name = "m"\n[queues.z]\ntasks = ["a.*.x"]\n[queues.a]\ntasks = ["a.*"]\n'
    fleet = load(written(tmp_path / "fleet.toml", text))
    assert list(fleet.queues) == ["z", "a"]
    assert (fleet.route("a.b.x"), fleet.route("a.b.y")) == ("z", "a")


@pytest.mark.parametrize("later", ["a.b", "a?", "[ab].*", "b.*"])
def test_a_pattern_that_can_be_reached_is_no_mistake(later: str, tmp_path: Path) -> None:
    text = f'name = "m"\n[queues.a]\ntasks = ["a.*"]\n[queues.b]\ntasks = ["{later}"]\n'
    assert load(written(tmp_path / "fleet.toml", text)).queue("b").tasks == (later,)


def test_an_unknown_queue_names_the_known_ones(fleet: Fleet) -> None:
    with pytest.raises(UnknownQueueError) as caught:
        fleet.queue("vidoe")
    assert str(caught.value) == (
        "expected a queue of the manifest (video or mail), got vidoe: did you mean video?"
    )
    with pytest.raises(UnknownQueueError, match="got orders: choose one of them"):
        fleet.physical_name("orders")


def test_nothing_can_be_changed(fleet: Fleet) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        fleet.name = "other"
    with pytest.raises(ValidationError, match="frozen"):
        fleet.queue("mail").concurrency = 3
    with pytest.raises(TypeError):
        fleet.queues["new"] = fleet.queue("mail")  # type: ignore[index]


def test_a_fleet_built_in_code_is_checked_as_well() -> None:
    assert Fleet.model_validate({"name": "m", "queues": {"a": {"tasks": ["a"]}}}).route("a") == "a"
    with pytest.raises(ValidationError, match=r"time_limit \+ lease of at most 12h"):
        Queue(name="a", tasks=("a",), lease=timedelta(hours=6), time_limit=timedelta(hours=7))
    with pytest.raises(ValidationError, match="expected its name to be its key"):
        Fleet(name="m", queues={"a": Queue(name="b", tasks=("b",))})


def test_where_the_manifest_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, named, given = (
        written(tmp_path / f"{name}.toml", TEXT.replace("media", name))
        for name in ("fleet", "named", "given")
    )
    monkeypatch.chdir(tmp_path)
    env = {"FLEET_MANIFEST": str(named)}
    assert load(given, env=env).name == "given"
    assert (load(env=env).name, load(env=env).path) == ("named", named)
    assert (load(env={}).name, load(env={}).path) == ("fleet", Path(here.name))
    assert load(env={"FLEET_MANIFEST": ""}).name == "fleet"


def test_no_manifest_names_both_ways_to_name_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ManifestError) as caught:
        load(env={})
    assert str(caught.value) == (
        "fleet.toml: expected a manifest, got no such file: "
        "start where fleet.toml lies, or set FLEET_MANIFEST to its path"
    )
    with pytest.raises(ManifestError) as caught:
        load(env={"FLEET_MANIFEST": "gone.toml"})
    assert str(caught.value) == (
        "gone.toml: expected a manifest, got no such file: "
        "set FLEET_MANIFEST to the file that holds it"
    )


def test_a_manifest_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="expected a file to read, got Is a directory"):
        load(tmp_path)
    file = tmp_path / "fleet.toml"
    file.write_bytes(b'name = "\xff"')
    with pytest.raises(ManifestError, match="expected UTF-8, got another encoding at byte 8"):
        load(file)


def test_a_worker_that_loads_the_manifest_loads_nothing_heavy() -> None:
    code = (
        "import sys, worker.fleet;"
        "print({'boto3', 'botocore', 'celery', 'kombu', 'click', 'rich'} & sys.modules.keys())"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "set()\n"
