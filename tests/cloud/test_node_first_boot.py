"""A node that boots before the fleet's first release, by the permissions of its role."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ops.local.aws import local_aws, local_environment
from ops.local.identity import key_of
from tests.cloud.local_stacks import REGION, client

ROOT = Path(__file__).parents[2]
BUCKET, ROLE = "shop-artifacts", "shop-node"
GET = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/*"}
LIST = {
    "Effect": "Allow",
    "Action": "s3:ListBucket",
    "Resource": f"arn:aws:s3:::{BUCKET}",
    "Condition": {"StringLike": {"s3:prefix": "releases/*"}},
}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("aws")
    with local_aws(folder, lambda: None, ["--folder", str(folder)]) as url:
        where = {"LocationConstraint": REGION}
        client(url, "s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration=where)
        client(url, "iam").create_role(RoleName=ROLE, AssumeRolePolicyDocument="{}")
        yield url


def allow(url: str, *statements: dict[str, Any]) -> None:
    document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    client(url, "iam").put_role_policy(RoleName=ROLE, PolicyName="p", PolicyDocument=document)


def read(url: str, key: str, who: str, method: str = "get_object") -> int:
    call = getattr(client(url, "s3", key=who), method)
    try:
        call(Bucket=BUCKET, Key=key)
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"]
    return 200


def boot(url: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-m", "ops", "node", "boot", "--fleet", "shop", "--queue", "mail",
         "--bucket", BUCKET, "--region", REGION, "--patience", "1s"],
        env={
            **local_environment(url),
            "AWS_ACCESS_KEY_ID": key_of(ROLE, "i-1"),
            "PYTHONPATH": str(ROOT),
            "FLEET_ROOT": os.devnull,
        },
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stdout) == (1, "")
    first, *_, last = ran.stderr.splitlines()
    assert "; trying for" in first
    assert "; trying for" not in last
    return last


def test_what_is_not_there_is_denied_to_whom_may_not_list(url: str) -> None:
    role, key = key_of(ROLE, "i-1"), "releases/current.json"
    client(url, "s3").put_object(Bucket=BUCKET, Key="releases/there", Body=b"x")
    for statements, absent in (((GET,), 403), ((GET, LIST), 404)):
        allow(url, *statements)
        assert read(url, key, role) == absent
        assert read(url, key, role, "head_object") == absent
        assert read(url, "elsewhere", role) == 403
        assert read(url, "releases/there", role) == 200
    assert read(url, key, "local") == 404  # a person's


def test_a_node_says_that_there_is_no_release_yet(url: str) -> None:
    allow(url, GET, LIST)
    assert boot(url) == (f"s3://{BUCKET}: expected a release, there is none yet: ops release put")
    allow(url, GET)
    last = boot(url)
    assert last.startswith("AWS: reading releases/current.json in shop-artifacts: ")
    assert last.endswith("where there is no release yet: ops release put")
