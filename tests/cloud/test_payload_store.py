"""Arguments in S3: put and fetched whole, or refused by what can be done about it."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Iterator
from random import Random
from typing import Any

import boto3
import pytest
from billiard.exceptions import SoftTimeLimitExceeded

from ops.local.aws import local_environment
from tests.faulty import Fault, Faulty
from worker.fleet import Fleet
from worker.payloads.pointer import Pointer
from worker.payloads.store import (
    ATTEMPTS,
    PayloadLost,
    PayloadRefused,
    PayloadUnavailable,
    Store,
)

BUCKET = "acme-payloads"
BODY = b'[["' + b"x" * 3_000_000 + b'"], {}, null]'
FLEET = Fleet.model_validate(
    {
        "name": "acme",
        "region": "eu-west-1",
        "queues": {"work": {"tasks": ["*"]}},
        "payload_bucket": BUCKET,
    }
)


@pytest.fixture(scope="module")
def url(aws: str) -> str:
    client(aws).create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    return aws


@pytest.fixture
def proxy(url: str) -> Iterator[Faulty]:
    with Faulty(url) as proxy:
        yield proxy


@pytest.fixture
def store(proxy: Faulty, monkeypatch: pytest.MonkeyPatch) -> Store:
    env = local_environment(proxy.url)
    for name in set(os.environ) - set(env):
        monkeypatch.delenv(name)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    return Store(FLEET, Random(1))


def client(url: str) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name="eu-west-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )


def pointer(body: bytes = BODY, bucket: str = BUCKET) -> Pointer:
    unique = str(uuid.uuid4())
    return Pointer.to(body, bucket=bucket, task_id="id", now=1.8e9, unique=unique, embed={})


def test_what_is_put_is_fetched_and_encrypted_and_nobodys(store: Store, url: str) -> None:
    to = pointer()
    store.put(to, BODY)
    assert store.get(to) == BODY
    head = client(url).head_object(Bucket=BUCKET, Key=to.key)
    assert (head["ServerSideEncryption"], head["ContentLength"]) == ("AES256", len(BODY))
    grants = client(url).get_object_acl(Bucket=BUCKET, Key=to.key)["Grants"]
    assert [grant["Grantee"]["Type"] for grant in grants] == ["CanonicalUser"]


@pytest.mark.parametrize("fault", ["error", "status", "lost", "cut"])
def test_faults_that_pass_are_waited_out(store: Store, proxy: Faulty, fault: Any) -> None:
    to = pointer()
    proxy.fail(Fault(fault, method="PUT", code="SlowDown", calls=ATTEMPTS - 1))
    proxy.fail(Fault(fault, method="GET", code="InternalError", calls=ATTEMPTS - 1))
    store.put(to, BODY)
    assert store.get(to) == BODY
    # (an answer that says 200 before it breaks off has said enough)
    assert proxy.count(method="PUT") == (1 if fault == "cut" else ATTEMPTS)
    assert proxy.count(method="GET") == ATTEMPTS


def test_faults_that_last_may_pass_later(store: Store, proxy: Faulty) -> None:
    to = pointer()
    proxy.fail(Fault("error", code="SlowDown"))
    with pytest.raises(PayloadUnavailable, match="SlowDown"):
        store.put(to, BODY)
    with pytest.raises(PayloadUnavailable, match=f"s3://{BUCKET}/payloads/.*SlowDown"):
        store.get(to)
    assert proxy.count(method="PUT") == proxy.count(method="GET") == ATTEMPTS


def test_what_an_operator_must_mend_is_asked_once(store: Store, proxy: Faulty) -> None:
    to = pointer()
    proxy.fail(Fault("error", code="AccessDenied"))
    with pytest.raises(PayloadRefused, match=rf"AccessDenied.*allow s3:PutObject on {BUCKET}/"):
        store.put(to, BODY)
    with pytest.raises(PayloadUnavailable, match="AccessDenied"):
        store.get(to)
    assert proxy.count() == 2


def test_a_bucket_that_is_not_there_may_be_made(store: Store, proxy: Faulty) -> None:
    to = pointer(bucket="acme-nowhere")
    with pytest.raises(PayloadRefused, match=r"NoSuchBucket.*ops stores apply --yes"):
        store.put(to, BODY)
    with pytest.raises(PayloadUnavailable, match="NoSuchBucket"):
        store.get(to)
    assert proxy.count() == 2


def test_what_is_gone_is_lost(store: Store, proxy: Faulty) -> None:
    with pytest.raises(PayloadLost, match="no such object"):
        store.get(pointer())
    assert proxy.count() == 1


@pytest.mark.parametrize(
    "other",
    [BODY[:-1], BODY + b" ", BODY.replace(b"x", b"y", 1), b"", b"x" * 8_000_000],
    ids=["shorter", "longer", "changed", "empty", "much longer"],
)
def test_what_is_not_what_was_sent_is_lost(store: Store, url: str, other: bytes) -> None:
    to = pointer()
    client(url).put_object(Bucket=BUCKET, Key=to.key, Body=other)
    with pytest.raises(PayloadLost, match="expected 30000"):
        store.get(to)


def test_a_soft_time_limit_ends_a_fetch_that_hangs(store: Store, proxy: Faulty) -> None:
    to = pointer()
    store.put(to, BODY)
    proxy.fail(Fault("slow", method="GET", seconds=30.0))

    def limit(*_: object) -> None:
        raise SoftTimeLimitExceeded

    before = signal.signal(signal.SIGUSR1, limit)  # the signal of Celery's soft limit
    alarm = signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGUSR1))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.5)
        with pytest.raises(SoftTimeLimitExceeded):
            store.get(to)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, alarm)
        signal.signal(signal.SIGUSR1, before)
    assert proxy.count(method="GET") == 1
