"""What `ops stack plan` refuses: place, expected, found, remedy."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from ops.stack.checks import is_graviton, longest_drain, problems
from tests.unit.stack_fleets import ACCOUNT, IMAGE, fifty, plain, rich
from worker.fleet import Fleet, load, loads


def one(fleet: Fleet) -> str:
    (problem,) = problems(fleet, ACCOUNT)
    return problem


def test_what_can_be_is_not_refused() -> None:
    examples = Path(__file__).parents[2] / "examples"
    fleets = [rich(), plain(), fifty()]
    fleets += [load(examples / name / "fleet.toml") for name in ("media", "django")]
    for fleet in fleets:
        assert problems(fleet, ACCOUNT) == ()


def test_a_drain_that_no_hook_can_hold() -> None:
    fleet = plain(queue='time_limit = "10h"')
    assert one(fleet) == (
        "fleet.toml: queues.mail.drain_budget: expected at most 8h20m with nodes.heartbeat = "
        '"5m" (a lifecycle hook lasts 100 heartbeats, at most 48h), got 10h: set '
        'nodes.heartbeat = "6m" or more, or shorten drain_budget'
    )
    assert problems(plain(queue='time_limit = "10h"\nnodes.heartbeat = "6m"'), ACCOUNT) == ()
    assert problems(plain(queue='time_limit = "10h"\ndrain_budget = "500m"'), ACCOUNT) == ()
    assert problems(plain(queue='time_limit = "10h"\ndrain_budget = "501m"'), ACCOUNT) != ()


def test_a_hook_lasts_a_hundred_heartbeats_and_two_days() -> None:
    assert longest_drain(timedelta(seconds=30)) == timedelta(minutes=50)
    assert longest_drain(timedelta(hours=2)) == timedelta(hours=48)


def test_a_service_has_no_hook() -> None:
    queue = f'time_limit = "10h"\nruntime = "ecs"\nnodes.image = "{IMAGE}"'
    assert problems(plain(queue=queue), ACCOUNT) == ()


def test_more_instances_than_the_quota() -> None:
    text = '[aws]\ninstances_quota = 24\n[queues.big]\ntasks = ["b.*"]\nnodes.max = 15\n'
    fleet = plain(text, "nodes = { max = 8, warm_pool = 2, on_demand_percent = 100 }")
    assert one(fleet) == (
        "fleet.toml: aws.instances_quota: expected the queues to have at most 24 instances "
        "together, got 25 (the sum of nodes.max and nodes.warm_pool): lower nodes.max, of "
        '"big" first (15), or have AWS raise the quota and write the new one here'
    )
    enough = plain(text.replace("24", "25"), "nodes = { max = 8 }")
    assert problems(enough, ACCOUNT) == ()


def test_tasks_of_a_service_are_no_instances() -> None:
    queue = f'runtime = "ecs"\nnodes = {{ max = 900, image = "{IMAGE}" }}'
    assert problems(plain("[aws]\ninstances_quota = 1", queue), ACCOUNT) == ()


@pytest.mark.parametrize(
    ("queue", "line"),
    [
        (
            'nodes.types = ["m7g.large", "m7i.large"]',
            "queues.mail.nodes.types: expected one architecture, got m7g.large (Arm) beside "
            "m7i.large (x86): keep those that the image is made for",
        ),
        (
            "nodes = { warm_pool = 1, on_demand_percent = 99 }",
            "queues.mail.nodes.warm_pool: expected on_demand_percent = 100 with a warm pool, got "
            "99: set nodes.on_demand_percent = 100 (a spot instance cannot be kept stopped "
            "there), or remove nodes.warm_pool",
        ),
        (
            'runtime = "ecs"',
            "queues.mail.nodes.image: expected the container image of the nodes with runtime = "
            '"ecs", got none: name it with its tag or digest',
        ),
        (
            f'runtime = "ecs"\nnodes = {{ image = "{IMAGE}", cpu = 8192, memory = "18GiB" }}',
            "queues.mail.nodes.memory: expected 16GiB to 60GiB in steps of 4 with nodes.cpu = "
            "8192, got 18432MiB: choose what Fargate has, or another nodes.cpu",
        ),
        (
            f'runtime = "ecs"\nnodes = {{ image = "{IMAGE}", cpu = 256, memory = "4GiB" }}',
            "queues.mail.nodes.memory: expected 1GiB to 2GiB with nodes.cpu = 256, got 4096MiB: "
            "choose what Fargate has, or another nodes.cpu",
        ),
    ],
)
def test_a_queue_that_cannot_be(queue: str, line: str) -> None:
    assert one(plain(queue=queue)) == f"fleet.toml: {line}"


@pytest.mark.parametrize(("cpu", "memory"), [(256, "512MiB"), (8192, "20GiB"), (1024, "2GiB")])
def test_what_fargate_has(cpu: int, memory: str) -> None:
    nodes = f'nodes = {{ image = "{IMAGE}", cpu = {cpu}, memory = "{memory}" }}'
    assert problems(plain(queue=f'runtime = "ecs"\n{nodes}'), ACCOUNT) == ()


def test_two_queues_that_would_have_one_stack() -> None:
    text = '[queues.a_b]\ntasks = ["a.*"]\n[queues.a-b]\ntasks = ["b.*"]\n'
    assert one(plain(text)) == (
        "fleet.toml: queues.a-b: expected a stack of its own, got media-queue-a-b, which is "
        "\"a_b\"'s: rename one of the two (stacks' names have no _)"
    )


def test_a_name_that_no_stack_and_no_bucket_can_have() -> None:
    digits = loads('name = "4media"\n[queues.mail]\ntasks = ["m.*"]', Path("fleet.toml"))
    assert one(digits).startswith('fleet.toml: name: expected a letter first, got "4media"')
    long = loads(f'name = "{"m" * 40}"\n[queues.mail]\ntasks = ["m.*"]', Path("fleet.toml"))
    artifacts, logs = problems(long, ACCOUNT)
    assert "aws.artifact_bucket" in artifacts
    assert "got 73" in artifacts
    assert "shorten the fleet's name" in logs
    longer = loads(f'name = "{"m" * 60}"\n[queues.mail]\ntasks = ["m.*"]', Path("fleet.toml"))
    assert any("the name of a function is no longer" in each for each in problems(longer, ACCOUNT))


@pytest.mark.parametrize(
    ("name", "head", "line"),
    [
        ("aws-media", "", "begin with aws, got"),
        ("Amazonas", "", "begin with amazon, got"),
        ("amzn", "", "begin with amzn, got"),
        ("ssm-media", "", "or name the nodes' image by aws.image"),
        ("default", "", "every account has a group of schedules"),
        ("sthree-media", '[aws]\nartifact_bucket = "a-bucket"', "begin with sthree-, got sthree-m"),
        ("media", 'payload_bucket = "xn--media"', "payload_bucket: expected it not to begin with"),
        ("media", 'payload_bucket = "media-s3alias"', "expected it not to end in -s3alias"),
        (
            "media",
            'results = { backend = "s3", bucket = "media--x-s3" }',
            "results.bucket: expected it not to end in --x-s3, got media--x-s3: name another",
        ),
        ("media", '[aws]\nartifact_bucket = "media--ol-s3"', "not to end in --ol-s3"),
    ],
)
def test_names_that_aws_keeps_for_itself(name: str, head: str, line: str) -> None:
    text = f'name = "{name}"\n{head}\n[queues.mail]\ntasks = ["m.*"]'
    assert line in one(loads(text, Path("fleet.toml")))


@pytest.mark.parametrize(
    ("name", "head"),
    [("media-aws", ""), ("saws", ""), ("my-default", ""), ("ssm", '[aws]\nimage = "ami-0a1b2c3d"')],
)
def test_names_that_only_look_like_those_of_aws(name: str, head: str) -> None:
    text = f'name = "{name}"\n{head}\n[queues.mail]\ntasks = ["m.*"]'
    assert problems(loads(text, Path("fleet.toml")), ACCOUNT) == ()


def test_a_bucket_for_two_things_that_do_not_go_together() -> None:
    text = 'payload_bucket = "media-logs-123456789012-eu-west-1"'
    assert one(plain(text)).startswith("fleet.toml: payload_bucket: expected a bucket that is not")
    assert problems(plain(text), replace(ACCOUNT, region="eu-west-2")) == ()


def test_everything_wrong_is_told_at_once() -> None:
    text = '[aws]\ninstances_quota = 1\n[queues.late]\ntasks = ["l.*"]\ntime_limit = "11h"\n'
    found = problems(plain(text, 'nodes.types = ["m7g.large", "c5.large"]'), ACCOUNT)
    assert len(found) == 3


def test_what_is_too_large_for_an_account_is_told_too() -> None:
    queues = "\n".join(f'[queues.q{n}]\ntasks = ["t{n}.*"]' for n in range(501))
    fleet = loads(f'name = "media"\nregion = "eu-west-1"\n{queues}', Path("fleet.toml"))
    (line,) = problems(fleet, ACCOUNT)
    assert line == (
        "fleet.toml: AWS::AutoScaling::AutoScalingGroup resources: expected at most 500, found 501 "
        "(EC2 Auto Scaling quotas)"
    )


@pytest.mark.parametrize(
    ("instance_type", "arm"),
    [
        ("m7g.large", True),
        ("m7gd.large", True),
        ("c7gn.16xlarge", True),
        ("a1.large", True),
        ("im4gn.large", True),
        ("t4g.nano", True),
        ("g5g.xlarge", True),
        ("g4dn.xlarge", False),
        ("g6.xlarge", False),
        ("m7i-flex.large", False),
        ("c6a.large", False),
        ("u-6tb1.metal", False),
    ],
)
def test_the_architecture_is_in_the_name(instance_type: str, arm: bool) -> None:
    assert is_graviton(instance_type) is arm
