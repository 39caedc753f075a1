"""Credentials of a machine that end: what is handed out when, and until when it is good."""

from __future__ import annotations

import dataclasses
from datetime import datetime

from ops.local.identity import Caller, caller_of, end_of, key_of, key_until
from ops.local.machine.credentials import issued
from ops.local.machine.instance import Instance

KEY = key_of("a.role", "i-1")
LASTING = Instance(
    instance_id="i-1",
    image_id="ami-1",
    instance_type="m7g.large",
    region="eu-west-1",
    availability_zone="eu-west-1a",
    private_ip="10.0.0.1",
    life_cycle="spot",
    tags={},
    role="a.role",
    credentials={"AccessKeyId": KEY, "Token": "t", "Expiration": "2099-01-01T00:00:00Z"},
    user_data="",
    endpoint="http://127.0.0.1:9",
)


def test_without_a_time_they_are_as_they_are() -> None:
    assert issued(LASTING, 1000.0) is LASTING
    nobody = dataclasses.replace(LASTING, credentials=None, credentials_seconds=8)
    assert issued(nobody, 1000.0) is nobody


def test_they_change_before_they_end() -> None:
    ending = dataclasses.replace(LASTING, credentials_seconds=8)
    given = {}
    for now in range(1000, 1040):
        found = issued(ending, now).credentials
        assert found is not None
        key, until = found["AccessKeyId"], end_of(found["AccessKeyId"])
        assert until is not None
        assert 4 <= until - now <= 8
        assert datetime.fromisoformat(found["Expiration"]).timestamp() == until
        assert caller_of(key) == Caller("a.role", "i-1")
        given[key] = found["Token"]
    assert len(given) == len(set(given.values())) == 10


def test_any_other_key_has_no_end() -> None:
    assert end_of(key_until(KEY, 12.4)) == 12
    for key in (KEY, "AKIA~12", "local", f"{KEY}~", f"{KEY}~x"):
        assert end_of(key) is None
