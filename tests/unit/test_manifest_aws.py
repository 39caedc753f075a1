"""The AWS account in the manifest, and what a queue's nodes are."""

from __future__ import annotations

import pickle
from datetime import timedelta
from pathlib import Path

import pytest

from worker.fleet import Aws, Fleet, ManifestError, load

BASE = 'name = "media"\nregion = "eu-west-1"\n'
QUEUE = '[queues.mail]\ntasks = ["mail.*"]\n'


def loaded(folder: Path, text: str) -> Fleet:
    file = folder / "fleet.toml"
    file.write_text(text)
    return load(file)


def refused(folder: Path, text: str) -> str:
    with pytest.raises(ManifestError) as raised:
        loaded(folder, text)
    return str(raised.value).replace(f"{folder}/", "")


def test_what_is_left_out(tmp_path: Path) -> None:
    fleet = loaded(tmp_path, BASE + QUEUE)
    assert fleet.aws == Aws()
    nodes = fleet.queue("mail").nodes
    assert nodes.types == ("m7g.large", "m6g.large", "m7gd.large")
    assert (nodes.on_demand_base, nodes.on_demand_percent, nodes.warm_pool) == (0, 0, 0)
    assert (nodes.rebalance, nodes.memory, nodes.image, nodes.cpu) == (False, None, None, 1024)
    assert nodes.heartbeat == timedelta(minutes=5)


def test_everything_at_once_also_in_another_process(tmp_path: Path) -> None:
    fleet = loaded(
        tmp_path,
        BASE
        + '[aws]\nvpc = "vpc-0a1b2c3d"\nsubnets = ["subnet-0a1b2c3d", "subnet-0a1b2c3e"]\n'
        + 'security_groups = ["sg-0a1b2c3d"]\nimage = "/media/image"\n'
        + 'artifact_bucket = "our-artifacts"\nalarms_to = ["ops@example.com"]\n'
        + 'boundary = "arn:aws-cn:iam::123456789012:policy/team/bound"\ninstances_quota = 64\n'
        + QUEUE
        + '[queues.mail.nodes]\ntypes = ["c7i.large"]\non_demand_base = 1\n'
        + 'on_demand_percent = 100\nrebalance = true\nheartbeat = "2h"\nmemory = "3GiB"\n'
        + "warm_pool = 2\n",
    )
    assert fleet.aws.subnets == ("subnet-0a1b2c3d", "subnet-0a1b2c3e")
    assert fleet.aws.instances_quota == 64
    assert fleet.queue("mail").nodes.memory == 3 << 30
    assert pickle.loads(pickle.dumps(fleet)) == fleet


def test_a_queue_inherits_its_nodes_key_by_key(tmp_path: Path) -> None:
    text = BASE + '[defaults.nodes]\ntypes = ["c7i.large"]\nheartbeat = "1m"\n' + QUEUE
    nodes = loaded(tmp_path, text + 'nodes.heartbeat = "2m"\n').queue("mail").nodes
    assert (nodes.types, nodes.heartbeat) == (("c7i.large",), timedelta(minutes=2))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('vpc = "default"', 'aws.vpc: expected a VPC such as "vpc-0a1b2c3d", got "default"'),
        (
            'subnets = "subnet-0a1b2c3d"',
            'aws.subnets: expected a list, got "subnet-0a1b2c3d": put it in brackets',
        ),
        (
            'image = "golden"',
            'aws.image: expected an AMI such as "ami-0a1b2c3d" or an SSM parameter such as '
            '"/media/image", got "golden": write one of them',
        ),
        ('alarms_to = ["ops"]', "aws.alarms_to[0]: expected an address such as"),
        ('boundary = "bound"', "aws.boundary: expected the ARN of a policy such as"),
        ("instances_quota = 0", "aws.instances_quota: expected at least 1, got 0: raise it"),
        ('images = "x"', "aws.images: unknown key: did you mean image?"),
        ('security_groups = ["sg-1"]', "aws.security_groups[0]: expected a security group such"),
    ],
)
def test_what_is_wrong_with_the_account(tmp_path: Path, text: str, line: str) -> None:
    assert f"fleet.toml: {line}" in refused(tmp_path, f"{BASE}[aws]\n{text}\n{QUEUE}")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "types = []",
            "nodes.types: expected at least one instance type, got []: name one, such as "
            '"m7g.large"',
        ),
        (
            'types = ["large"]',
            'nodes.types[0]: expected an instance type such as "m7g.large", got "large": write it '
            "as EC2 does",
        ),
        (
            'types = ["m7g.large", "m7g.large"]',
            "nodes.types: expected each instance type once, got m7g.large again: remove it",
        ),
        (
            f"types = {[f'm7g.x{n}' for n in range(41)]}",
            "nodes.types: expected at most 40 instance types, got 41: remove some (a group takes "
            "no more)",
        ),
        (
            "on_demand_percent = 101",
            "nodes.on_demand_percent: expected at most 100, got 101: lower it",
        ),
        ('heartbeat = "10s"', "nodes.heartbeat: expected at least 30s, got 10s: lengthen it"),
        (
            'heartbeat = "3h"',
            "nodes.heartbeat: expected at most 2h, got 3h: shorten it (a lifecycle hook waits no "
            "longer for a sign)",
        ),
        ("cpu = 1000", "nodes.cpu: expected 256, 512, 1024, 2048, 4096, 8192 or 16384, got 1000"),
        ("cpu = true", "nodes.cpu: expected 256, 512, 1024, 2048, 4096, 8192 or 16384, got true"),
        ('image = "a b"', "nodes.image: expected a container image such as"),
        ('disk = "512MiB"', "nodes.disk: expected 1GiB to 16384GiB, got 512MiB: choose a size"),
        ('memory = "1MiB"', "nodes.memory: expected at least 32MiB, got 1MiB"),
        (
            "rebalance = 1",
            "nodes.rebalance: expected true or false, got 1: write it without quotes",
        ),
        ("type = 1", "nodes.type: unknown key: did you mean types?"),
    ],
)
def test_what_is_wrong_with_nodes(tmp_path: Path, text: str, line: str) -> None:
    found = refused(tmp_path, f"{BASE}{QUEUE}[queues.mail.nodes]\n{text}\n")
    assert f"fleet.toml: queues.mail.{line}" in found
