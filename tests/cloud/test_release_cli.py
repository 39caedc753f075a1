"""`ops release put` and `show` as an operator runs them, against S3 on the local AWS."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.cloud.local_stacks import admin
from tests.cloud.stack_shop import Shop

NUMBERS = itertools.count(1)
KEY = "-----BEGIN PRIVATE KEY-----\nMC4CAQ\n-----END PRIVATE KEY-----\n"


@pytest.fixture
def shop(aws: str, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(aws, tmp_path, f"released{next(NUMBERS)}")
    shop.write({"mail": ""})
    (tmp_path / "mail.py").write_text("x = 1\n")
    shop.client("s3").create_bucket(
        Bucket=shop.bucket, CreateBucketConfiguration={"LocationConstraint": shop.region}
    )
    yield shop
    admin(aws, "faults", "DELETE")


def body(shop: Shop, key: str) -> bytes:
    found: bytes = shop.client("s3").get_object(Bucket=shop.bucket, Key=key)["Body"].read()
    return found


def keys(shop: Shop) -> set[str]:
    listed = shop.client("s3").list_objects_v2(Bucket=shop.bucket).get("Contents", [])
    return {one["Key"] for one in listed}


def test_a_release_is_put_and_becomes_the_current_one(shop: Shop) -> None:
    ran = shop.run("release", "show")
    assert (ran.returncode, ran.stdout) == (3, "")
    assert ran.stderr == f"s3://{shop.bucket}: no release yet: ops release put\n"

    ran = shop.ok("release", "put", "--release", "v1")
    assert ran.stdout.startswith("release v1 (2 files, ")
    assert ran.stdout.endswith(" MB) put and is current\n")
    packed = body(shop, "releases/v1.tar.gz")
    sha256 = hashlib.sha256(packed).hexdigest()
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        assert tar.getnames() == ["fleet.toml", "mail.py"]
    assert json.loads(body(shop, "releases/current.json")) == {
        "release": "v1",
        "key": "releases/v1.tar.gz",
        "sha256": sha256,
        "queues": ["mail"],
    }
    assert shop.ok("release", "show").stdout == f"v1  sha256 {sha256}\n"
    data = json.loads(shop.ok("release", "show", "--json").stdout)
    assert data == {
        "fleet": shop.name,
        "bucket": shop.bucket,
        "release": {"name": "v1", "sha256": sha256},
    }


def test_without_a_name_it_has_one_of_its_contents_and_is_put_once(shop: Shop) -> None:
    first, again = (json.loads(shop.ok("release", "put", "--json").stdout) for _ in range(2))
    assert first == {**again, "put": True}
    assert again["put"] is False
    assert first["release"] == first["sha256"][:12]
    assert keys(shop) == {f"releases/{first['release']}.tar.gz", "releases/current.json"}


def test_a_name_that_other_contents_have_is_refused(shop: Shop) -> None:
    shop.ok("release", "put", "--release", "v1")
    before = body(shop, "releases/v1.tar.gz")
    shop.ok("release", "put", "--release", "v2")
    (shop.folder / "mail.py").write_text("x = 2\n")
    ran = shop.run("release", "put", "--release", "v1")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == (
        f"s3://{shop.bucket}/releases/v1.tar.gz: expected release v1 to be new or the same, "
        "found other contents under this name: give it another with --release\n"
    )
    assert body(shop, "releases/v1.tar.gz") == before
    assert shop.ok("release", "show").stdout.startswith("v2 ")


def test_an_earlier_release_is_made_current_again(shop: Shop) -> None:
    shop.ok("release", "put", "--release", "v1")
    (shop.folder / "mail.py").write_text("x = 2\n")
    shop.ok("release", "put", "--release", "v2")
    (shop.folder / "mail.py").write_text("x = 1\n")
    assert "was there and is current" in shop.ok("release", "put", "--release", "v1").stdout
    assert shop.ok("release", "show").stdout.startswith("v1 ")


def test_what_looks_like_a_secret_stays_here_and_is_told(shop: Shop) -> None:
    (shop.folder / ".env").write_text("TOKEN=abc")
    (shop.folder / "own.pem").write_text(KEY)
    ran = shop.ok("release", "put", "--release", "v1")
    assert ran.stderr.splitlines()[:2] == [
        "left out, as it looks like a secret (--include packs it): .env",
        "left out, as it looks like a secret (--include packs it): own.pem",
    ]
    with tarfile.open(fileobj=io.BytesIO(body(shop, "releases/v1.tar.gz"))) as tar:
        assert tar.getnames() == ["fleet.toml", "mail.py"]


def test_a_file_that_holds_a_secret_stops_it_unless_it_is_named(shop: Shop) -> None:
    (shop.folder / "deploy_key").write_text(KEY)
    ran = shop.run("release", "put", "--release", "v1")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "expected no secret in a release, found deploy_key (a private key): " in ran.stderr
    assert keys(shop) == set()
    named = ("--include", "deploy_key", "--include", "fleet.toml")
    data = json.loads(shop.ok("release", "put", "--release", "v1", "--json", *named).stdout)
    assert (data["files"], data["left_out"], data["dirty"]) == (3, [], False)
    ran = shop.run("release", "put", "--include", "none")
    assert ran.returncode == 2
    assert ran.stderr.startswith("--include none: expected a file of ")


def test_what_is_not_committed_is_refused_or_called_dirty(shop: Shop) -> None:
    (shop.folder / ".gitignore").write_text("aws.log\n")
    for words in (
        ("init", "-q"),
        ("add", "-A"),
        ("-c", "user.name=a", "-c", "user.email=a@b.example", "commit", "-q", "-m", "all"),
    ):
        subprocess.run(["git", *words], cwd=shop.folder, check=True, capture_output=True)
    clean = json.loads(shop.ok("release", "put", "--dirty", "--json").stdout)
    assert clean["release"] == clean["sha256"][:12]
    assert clean["dirty"] is False
    (shop.folder / "mail.py").write_text("x = 2\n")
    (shop.folder / "new.py").write_text("y = 1\n")
    ran = shop.run("release", "put")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "expected a work tree without changes, found mail.py, new.py: commit them" in ran.stderr
    assert shop.ok("release", "show").stdout.startswith(clean["release"])
    dirty = json.loads(shop.ok("release", "put", "--dirty", "--json").stdout)
    assert dirty["release"] == f"{dirty['sha256'][:12]}-dirty"
    assert (dirty["dirty"], dirty["files"]) == (True, clean["files"] + 1)
    assert shop.ok("release", "show").stdout.startswith(f"{dirty['release']}  ")


def test_another_folder_than_the_manifest_s(shop: Shop) -> None:
    other = shop.folder / "other"
    other.mkdir()
    ran = shop.run("release", "put", "--folder", "other")
    assert ran.returncode == 2
    assert "other: expected a folder with a fleet.toml, found none" in ran.stderr
    (other / "fleet.toml").write_text((shop.folder / "fleet.toml").read_text())
    assert "(1 files, " in shop.ok("release", "put", "--folder", "other").stdout


@pytest.mark.parametrize("name", ["../v1", "a b", ".v1", "x" * 64])
def test_a_name_that_is_none(shop: Shop, name: str) -> None:
    ran = shop.run("release", "put", "--release", name)
    assert ran.returncode == 2
    assert "release: expected 1 to 63 letters, digits" in ran.stderr
    assert keys(shop) == set()


@pytest.mark.parametrize("verb", ["put", "show"])
def test_before_the_bucket_is_there_the_remedy_is_the_stacks(shop: Shop, verb: str) -> None:
    shop.client("s3").delete_bucket(Bucket=shop.bucket)
    ran = shop.run("release", verb)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == (
        f"s3://{shop.bucket}: expected the fleet's artifact bucket, found none: it comes with the "
        "shared stack: ops stack apply --yes\n"
    )
    with pytest.raises(ClientError):
        shop.client("s3").head_bucket(Bucket=shop.bucket)


def test_a_pointer_that_is_none_is_told(shop: Shop) -> None:
    shop.client("s3").put_object(Bucket=shop.bucket, Key="releases/current.json", Body=b"{")
    ran = shop.run("release", "show")
    assert ran.returncode == 1
    assert ran.stderr.startswith(f"s3://{shop.bucket}/releases/current.json: expected a JSON")
    assert ran.stderr.endswith("put a release (ops release put)\n")


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (
            {"service": "sts", "code": "ExpiredToken", "status": 403},
            "AWS: asking which account this is: the credentials have expired",
        ),
        (
            {"service": "s3", "operation": "PutObject", "code": "AccessDenied", "status": 403},
            "allow s3:PutObject for these credentials",
        ),
        (
            {"service": "s3", "operation": "PutObject", "code": "SlowDown", "status": 503},
            "AWS asks to slow down: wait a moment and run it again",
        ),
    ],
)
def test_what_aws_says_no_to(shop: Shop, fault: dict[str, object], said: str) -> None:
    shop.fault(**fault)
    ran = shop.run("release", "put")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert said in ran.stderr
    assert keys(shop) == set()
