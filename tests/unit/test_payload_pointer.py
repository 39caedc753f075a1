"""Pointers off the wire: ours are read, and nothing else leads a worker to read anything."""

from __future__ import annotations

import base64
import json
import os
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.test_envelope import anything
from worker.aws import PerProcess
from worker.payloads.limits import AT_MOST_BYTES
from worker.payloads.pointer import CONTENT_TYPE, Pointer
from worker.sqs.envelope import Undecodable, decode

BUCKET = "acme-payloads"
NOW = 1_795_240_000.0
UUID = "3f1c0a52-0e7f-4d0c-9d5b-3a0f9a6f2b11"


def pointer(task_id: str = "an-id", embed: dict[str, Any] | None = None) -> dict[str, Any]:
    made = Pointer.to(
        b"[[], {}, {}]", bucket=BUCKET, task_id=task_id, now=NOW, unique=UUID, embed=embed
    )
    read: dict[str, Any] = json.loads(made.as_json())
    return read


def body(inner: object, content_type: str = CONTENT_TYPE) -> str:
    return json.dumps(
        {
            "body": base64.b64encode(json.dumps(inner).encode()).decode(),
            "content-type": content_type,
            "content-encoding": "utf-8",
            "headers": {"task": "t", "id": "i"},
            "properties": {"body_encoding": "base64"},
        }
    )


@given(st.text(max_size=200), st.uuids(), st.binary(min_size=1, max_size=100))
def test_what_is_written_is_read(task_id: str, unique: object, stored: bytes) -> None:
    written = Pointer.to(
        stored, bucket=BUCKET, task_id=task_id, now=NOW, unique=str(unique), embed={}
    )
    assert Pointer.read(json.loads(written.as_json()), BUCKET) == written
    assert written.fits(stored)
    assert not written.fits(stored + b" ")
    assert not written.fits(b"" + bytes([stored[0] ^ 1]) + stored[1:])


def test_its_message_keeps_it_as_it_was() -> None:
    envelope = decode(body(pointer()), BUCKET)
    assert envelope.payload["content-type"] == CONTENT_TYPE
    assert json.loads(envelope.payload["body"]) == pointer()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("bucket", "somebody-elses"),
        ("bucket", None),
        ("bucket", ["acme-payloads"]),
        ("key", "results/celery-task-meta-1"),
        ("key", f"payloads/2026-11-21/../{UUID}"),
        ("key", f"/payloads/2026-11-21/an-id/{UUID}"),
        ("key", f"payloads/2026-11-21/an-id/{UUID}/more"),
        ("key", f"payloads/2026-11-21/an-id/{UUID}\n"),
        ("key", f"payloads/2026-11-21/{'x' * 65}/{UUID}"),
        ("key", f"payloads/2026-11-21/an id/{UUID}"),
        ("key", f"payloads/\u0662026-11-21/an-id/{UUID}"),
        ("key", 7),
        ("bytes", 0),
        ("bytes", -1),
        ("bytes", AT_MOST_BYTES + 1),
        ("bytes", 10**400),
        ("bytes", True),
        ("bytes", 12.0),
        ("bytes", "12"),
        ("sha256", "0" * 63),
        ("sha256", "G" * 64),
        ("sha256", None),
        ("embed", []),
        ("embed", {"callbacks": "all"}),
        ("embed", {"chord": [1]}),
        ("embed", {"errbacks": [1]}),
    ],
)
def test_a_pointer_that_is_not_ours_leads_nowhere(key: str, value: object) -> None:
    with pytest.raises(Undecodable):
        decode(body({**pointer(), key: value}), BUCKET)


@pytest.mark.parametrize("inner", [None, [], "s3://acme-payloads/payloads/x", {}, [[], {}, {}]])
def test_what_is_no_pointer_is_not_taken_for_one(inner: object) -> None:
    with pytest.raises(Undecodable):
        decode(body(inner), BUCKET)


def test_a_pointer_is_not_taken_for_arguments() -> None:
    with pytest.raises(Undecodable):
        decode(body(pointer(), "application/json"), BUCKET)


def test_a_worker_without_a_bucket_says_what_its_manifest_lacks() -> None:
    with pytest.raises(Undecodable, match="payload_bucket in this worker's manifest"):
        decode(body(pointer()))


@given(st.dictionaries(st.sampled_from([*pointer()]), anything))
def test_nothing_on_the_wire_crashes_it(changes: dict[str, Any]) -> None:
    try:
        text = decode(body({**pointer(), **changes}), BUCKET).payload["body"]
    except Undecodable:
        return
    assert Pointer.read(json.loads(text), BUCKET).key.startswith("payloads/")


def test_a_client_belongs_to_one_process() -> None:
    client: PerProcess[object] = PerProcess(object)
    ours = client()
    assert client() is ours
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, b"own" if client() is not ours else b"ours")
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 4) == b"own"
    os.close(reader)
    os.close(writer)
    assert client() is ours
    client.forget()
    assert client() is not ours
