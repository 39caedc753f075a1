"""What becomes of a message at SQS's limit: as it is, compressed, through S3, or refused."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from celery import Celery, Task, chord

from tests.producers import TASK, make_app, sent
from worker.fleet import Fleet
from worker.payloads.limits import AT_MOST_BYTES, EXPIRES_AFTER
from worker.payloads.pointer import CONTENT_TYPE, Pointer
from worker.sqs.batches import LIMIT_BYTES, string
from worker.sqs.envelope import INFLATED_AT_MOST_BYTES, decode, read_inner
from worker.sqs.outgoing import MessageTooLarge, Outgoing, encode, outgoing

NOW = 1_795_240_000.0  # 2026-11-21
BUCKET = "acme-payloads"


@cache
def app() -> Celery:
    return make_app()


def fleet(bucket: str | None = BUCKET) -> Fleet:
    return Fleet.model_validate(
        {"name": "acme", "queues": {"work": {"tasks": ["*"]}}, "payload_bucket": bucket}
    )


def noise(length: int) -> str:
    """Text of which zlib saves a quarter at most."""
    return base64.b64encode(random.Random(length).randbytes(length))[:length].decode()


def message(publish: Callable[[Task], Any]) -> dict[str, Any]:
    (one,) = sent(app(), publish)
    return one


class Bucket:
    """What was put, by key."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def __call__(self, pointer: Pointer, body: bytes) -> None:
        assert pointer.bucket == BUCKET
        assert pointer.fits(body)
        assert pointer.key not in self.objects
        self.objects[pointer.key] = body


def send(
    publish: Callable[[Task], Any], bucket: Bucket | None = None, manifest: Fleet | None = None
) -> Outgoing:
    return outgoing(manifest or fleet(), "work", message(publish), NOW, bucket or Bucket())


def padded(size_bytes: int) -> dict[str, Any]:
    """A message of exactly that size, of arguments that do not compress."""
    one = message(lambda task: task.delay(noise(LIMIT_BYTES * 9 // 16 - 4000)))
    one["properties"]["message_attributes"] = {"pad": string("")}
    left = size_bytes - outgoing(fleet(None), "work", one, NOW, Bucket()).size_bytes
    one["properties"]["message_attributes"] = {"pad": string("x" * left)}
    return one


def test_at_the_limit_a_message_goes_as_it_is() -> None:
    one, bucket = padded(LIMIT_BYTES), Bucket()
    plain = outgoing(fleet(), "work", one, NOW, bucket)
    assert plain.size_bytes == LIMIT_BYTES
    del one["properties"]["message_attributes"]
    assert plain.entry["MessageBody"] == encode(one)
    assert not bucket.objects


def test_a_byte_above_it_something_is_done() -> None:
    one, bucket = padded(LIMIT_BYTES + 1), Bucket()
    small = outgoing(fleet(), "work", one, NOW, bucket)
    assert small.size_bytes <= LIMIT_BYTES
    assert small.entry["MessageAttributes"] == one["properties"]["message_attributes"]
    assert decode(small.entry["MessageBody"], BUCKET).task == TASK


def test_a_message_is_left_as_it_was_for_another_attempt() -> None:
    one = message(lambda task: task.apply_async((noise(LIMIT_BYTES),), DelaySeconds=30))
    before = json.dumps(one)
    first, second = (outgoing(fleet(), "work", one, NOW, Bucket()) for _ in range(2))
    assert json.dumps(one) == before
    assert first.entry["DelaySeconds"] == second.entry["DelaySeconds"] == 30


def test_what_compresses_is_compressed_and_nothing_is_put() -> None:
    bucket = Bucket()
    text = "grüße " * 500_000
    small = send(lambda task: task.delay(text), bucket)
    payload = decode(small.entry["MessageBody"]).payload
    assert read_inner(payload["body"])[0] == [text]
    assert not bucket.objects


def test_what_a_worker_would_not_inflate_goes_to_s3() -> None:
    bucket = Bucket()
    send(lambda task: task.delay("x" * INFLATED_AT_MOST_BYTES), bucket)
    assert len(bucket.objects) == 1


@pytest.mark.parametrize("options", [{}, {"compression": "bzip2"}])
def test_what_does_not_goes_to_s3_under_a_key_of_its_own(options: dict[str, Any]) -> None:
    bucket = Bucket()
    text = noise(3 * LIMIT_BYTES)
    publish = lambda task: task.apply_async((text,), {"b": 1}, task_id="an/id", **options)  # noqa: E731
    for _ in range(2):
        small = send(publish, bucket)
        assert small.size_bytes < 3000
        envelope = decode(small.entry["MessageBody"], BUCKET)
        assert envelope.payload["content-type"] == CONTENT_TYPE
        pointer = Pointer.read(json.loads(envelope.payload["body"]), BUCKET)
        assert pointer.key.startswith("payloads/2026-11-21/an_id/")
        args, kwargs, embed = read_inner(bucket.objects[pointer.key].decode())
        assert (args, kwargs, embed) == ([text], {"b": 1}, {})
        assert pointer.embed == {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
    assert len(bucket.objects) == 2


def test_callbacks_stay_in_the_message_while_they_fit() -> None:
    bucket = Bucket()

    def publish(task: Task) -> None:
        task.apply_async((noise(3 * LIMIT_BYTES),), link=task.s(2), link_error=task.s(3))

    small = send(publish, bucket)
    pointer = json.loads(decode(small.entry["MessageBody"], BUCKET).payload["body"])
    assert pointer["embed"]["callbacks"][0]["args"] == [2]
    assert pointer["embed"]["errbacks"][0]["args"] == [3]


def test_callbacks_that_do_not_fit_go_with_the_arguments() -> None:
    bucket = Bucket()
    large = noise(LIMIT_BYTES)
    small = send(lambda task: task.apply_async((1,), link=task.s(large)), bucket)
    pointer = json.loads(decode(small.entry["MessageBody"], BUCKET).payload["body"])
    assert pointer["embed"] is None
    args, _, embed = read_inner(bucket.objects[pointer["key"]].decode())
    assert args == [1]
    assert embed["callbacks"][0]["args"] == [large]


def test_a_chord_with_large_parts_sends_each_with_its_callback() -> None:
    bucket = Bucket()
    large = noise(2 * LIMIT_BYTES)
    messages = sent(app(), lambda task: chord([task.s(large), task.s(2)], task.s(3)).apply_async())
    small = [outgoing(fleet(), "work", one, NOW, bucket) for one in messages]
    assert len(bucket.objects) == 1
    pointer = json.loads(decode(small[0].entry["MessageBody"], BUCKET).payload["body"])
    assert pointer["embed"]["chord"]["args"] == [3]


def test_without_a_bucket_the_error_names_sizes_limit_and_remedy() -> None:
    with pytest.raises(MessageTooLarge) as raised:
        send(lambda task: task.delay(noise(2_000_000)), manifest=fleet(None))
    said = str(raised.value)
    assert said.startswith(f"{TASK}: expected a message of at most {LIMIT_BYTES} bytes")
    for part in ("found 35", "(2000", "compressed", "name a payload_bucket in fleet.toml"):
        assert part in said


def test_headers_are_no_arguments() -> None:
    bucket = Bucket()
    with pytest.raises(MessageTooLarge, match="send less in headers"):
        send(lambda task: task.apply_async((1,), headers={"note": noise(LIMIT_BYTES)}), bucket)
    assert not bucket.objects


def test_s3_has_a_limit_too() -> None:
    bucket = Bucket()
    one = message(lambda task: task.delay(1))
    inner = json.dumps([["x" * AT_MOST_BYTES], {}, {}]).encode()
    one["body"] = base64.b64encode(inner).decode()
    with pytest.raises(MessageTooLarge, match=f"at most {AT_MOST_BYTES} bytes"):
        outgoing(fleet(), "work", one, NOW, bucket)
    assert not bucket.objects


def test_an_object_outlives_every_message_that_points_to_it() -> None:
    bucket = Bucket()
    large = noise(2 * LIMIT_BYTES)
    day = 86400

    def due_in(days: float) -> Outgoing:
        one = message(lambda task: task.delay(large))
        one["headers"]["eta"] = datetime.fromtimestamp(NOW + days * day, UTC).isoformat()
        return outgoing(fleet(), "work", one, NOW, bucket)

    assert due_in(14).queue == "acme-delayed"
    with pytest.raises(MessageTooLarge, match=r"kept for 41 days.*needed within 14 days"):
        due_in(14.1)
    assert len(bucket.objects) == 1
    assert EXPIRES_AFTER.days == 41


def test_what_is_no_json_is_not_moved() -> None:
    one = message(lambda task: task.delay(noise(LIMIT_BYTES)))
    one["content-type"] = "application/x-yaml"
    with pytest.raises(MessageTooLarge, match="pass a reference"):
        outgoing(fleet(), "work", one, NOW, Bucket())
