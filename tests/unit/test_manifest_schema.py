"""The JSON Schema agrees with the loader, and the committed copies agree with the code."""

import json
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ops.manifest.reference import manifest_reference
from ops.manifest.schema import manifest_schema
from worker.fleet import load

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
EXAMPLE = ROOT / "examples" / "media" / "fleet.toml"

GOOD = """
name = "media"
region = "us-gov-west-1"
imports = ["app.tasks"]
[defaults]
prefetch = "auto"
slo.start_within = "2m"
[queues.video]
tasks = ["media.video.*"]
lease = "1m30s"
max_memory_per_child = "2GiB"
[queues.mail]
tasks = ["mail"]
prefetch = 1
"""


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return manifest_schema()


def test_it_is_a_draft_7_schema(schema: dict[str, Any]) -> None:
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    jsonschema.Draft7Validator.check_schema(schema)


def test_every_key_is_described(schema: dict[str, Any]) -> None:
    queue = schema["definitions"]["queue"]["properties"]
    keys = {**schema["properties"], **queue, **queue["slo"]["properties"]}
    assert [key for key, value in keys.items() if not value.get("description")] == []
    assert queue["lease"]["default"] == "1m"


@pytest.mark.parametrize("text", [GOOD, EXAMPLE.read_text()], ids=["all keys", "media"])
def test_it_accepts_what_the_loader_accepts(
    text: str, schema: dict[str, Any], tmp_path: Path
) -> None:
    file = tmp_path / "fleet.toml"
    file.write_text(text)
    load(file)
    jsonschema.validate(tomllib.loads(text), schema, cls=jsonschema.Draft7Validator)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('name = "media"', 'name = "me dia"'),
        ('name = "media"', ""),
        ('region = "us-gov-west-1"', 'region = "Ireland"'),
        ('imports = ["app.tasks"]', 'imports = "app.tasks"'),
        ('imports = ["app.tasks"]', 'import = ["app.tasks"]'),
        ('prefetch = "auto"', 'tasks = ["x"]'),
        ('slo.start_within = "2m"', "slo.start_within = 120"),
        ('slo.start_within = "2m"', 'slo.start = "2m"'),
        ('tasks = ["media.video.*"]', ""),
        ('tasks = ["media.video.*"]', "tasks = []"),
        ('lease = "1m30s"', 'lease = "90"'),
        ('lease = "1m30s"', 'lease = ""'),
        ('lease = "1m30s"', 'leese = "1m30s"'),
        ('lease = "1m30s"', "concurrency = 0"),
        ('lease = "1m30s"', 'pool = "gevent"'),
        ('"2GiB"', '"2GB"'),
        ("prefetch = 1", "prefetch = 2"),
        ("[queues.mail]", '[queues."mail.fifo"]'),
    ],
)
def test_it_refuses_what_the_loader_refuses(
    before: str, after: str, schema: dict[str, Any], tmp_path: Path
) -> None:
    assert before in GOOD
    text = GOOD.replace(before, after, 1)
    file = tmp_path / "fleet.toml"
    file.write_text(text)
    with pytest.raises(Exception, match=r"fleet\.toml: "):
        load(file)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(tomllib.loads(text), schema, cls=jsonschema.Draft7Validator)


def test_the_committed_schema_is_this_one(schema: dict[str, Any]) -> None:
    committed = json.loads((REFERENCE / "fleet.schema.json").read_text())
    assert committed == schema, "write it anew: python -m ops manifest schema"


def test_the_committed_reference_is_this_one() -> None:
    committed = (REFERENCE / "manifest.md").read_text()
    assert committed == manifest_reference(), "write it anew: python -m ops manifest reference"
