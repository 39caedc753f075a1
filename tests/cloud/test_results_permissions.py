"""Results in a bucket: what a node's role may there, and what the backend calls as that role.

The fleet of tests/e2e/test_fleet_permissions.py keeps its results in a table.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from celery import Celery

from ops.local.aws import local_aws, local_environment
from ops.local.identity import key_of
from ops.local.record import calls
from ops.stack.compose import queue
from tests.cloud.local_stacks import client
from tests.permissions_used import Account, Held, Role, Unused, held
from tests.unit.stack_fleets import ACCOUNT, plain, properties, queue_resources
from worker.settings import celery_settings

ROLE = "kept-nodes"
FLEET = plain('results = { backend = "s3", bucket = "kept-results" }')
REGION = FLEET.region or ""
ABSENT = Unused(
    "NodeRole",
    "ResultsAbsent",
    ("s3:ListBucket",),
    "*",
    "S3 itself looks for it where an object is not there; no call names it",
)


def test_the_backend_uses_what_the_role_grants_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = tmp_path / "state"
    with local_aws(tmp_path, lambda: None, ["--folder", str(record)]) as url:
        client(url, "s3", region=REGION).create_bucket(
            Bucket="kept-results", CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        environment = {**local_environment(url, {}), "AWS_ACCESS_KEY_ID": key_of(ROLE, "i-1")}
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        app = Celery("kept", set_as_current=False)
        app.conf.update(celery_settings(FLEET))
        assert app.backend.get_task_meta("none")["status"] == "PENDING"
        app.backend.store_result("one", {"x": 1}, "SUCCESS")
        assert app.backend.get_result("one") == {"x": 1}
        made = calls(record)
    assert {(each.action, each.error) for each in made if each.role == ROLE} == {
        ("s3:GetObject", "NoSuchKey"),
        ("s3:GetObject", ""),
        ("s3:PutObject", ""),
    }
    account = Account(ACCOUNT.id, REGION, {}, {})
    assert held(made, {ROLE: _role("Results", "ResultsAbsent")}, account, [ABSENT]) == Held(
        (), (), (), ()
    )
    assert held(made, {ROLE: _role("ResultsAbsent")}, account, [ABSENT]).denied


def _role(*names: str) -> Role:
    """The role of nodes on instances with these of its statements alone."""
    assert queue(FLEET, "mail", ACCOUNT).parameters["ResultsBucket"] == "kept-results"
    policies = properties(queue_resources(FLEET, "mail"), "NodeRole")["Policies"]
    statements = [each for policy in policies for each in policy["PolicyDocument"]["Statement"]]
    kept = tuple(each for each in statements if each["Sid"] in names)
    assert len(kept) == len(names)
    return Role("NodeRole", kept)
