"""The scaling engine as a Lambda: the same tick, and what of it is an error to Lambda."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ops.local.aws import local_aws
from tests.e2e.fleet import PATIENCE_SECONDS, wait_for
from tests.e2e.scaling import ROOT, Scaled, scaled
from tests.faulty import Fault

LAMBDA = """
import json
import sys

from ops.scaling.scaling_lambda import handler

class Context:
    def get_remaining_time_in_millis(self):
        return 30_000

sys.stdin.readline()
print("answer " + json.dumps(handler({}, Context())))
"""


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with local_aws(tmp_path_factory.mktemp("aws"), lambda: None) as url:
        yield url


@pytest.fixture
def on(aws: str, tmp_path: Path) -> Iterator[Scaled]:
    with scaled(tmp_path, aws) as fleet:
        yield fleet


def ready(on: Scaled, **env: str) -> subprocess.Popen[str]:
    """Start one that is invoked with a line on its stdin, or by its end."""
    return subprocess.Popen(
        [sys.executable, "-c", LAMBDA],
        env=on.env(FLEET_MANIFEST=str(on.folder / "fleet.toml"), **env),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def invoke(on: Scaled, **env: str) -> tuple[int, list[str], str]:
    """Invoke one; return its exit code, the lines of its stdout, and its stderr."""
    process = ready(on, **env)
    output, error = process.communicate(timeout=PATIENCE_SECONDS)
    return process.returncode, output.splitlines(), error


def summary(lines: list[str]) -> dict[str, Any]:
    """Return what it answered."""
    answer: dict[str, Any] = json.loads(lines[-1].removeprefix("answer "))
    return answer


def test_it_does_the_same_and_a_second_one_stands_by(on: Scaled) -> None:
    on.send("video", 4)
    on.proxy.fail(Fault("slow", action="SetDesiredCapacity", seconds=12.0))
    one, two = ready(on), ready(on, FLEET_SCALING_JOURNAL="off")
    assert one.stdin is not None
    one.stdin.close()
    one.stdin = None
    wait_for(lambda: on.proxy.count("SetDesiredCapacity"), "its launch")
    of_two = two.communicate(timeout=PATIENCE_SECONDS)
    on.proxy.clear()
    outputs = [of_two, one.communicate(timeout=PATIENCE_SECONDS)]
    assert [each.returncode for each in (two, one)] == [0, 0], outputs
    second, first = (summary(output.splitlines()) for output, _ in outputs)
    assert (first["acts"], first["results"], first["troubles"]) == (True, {"done": 1}, [])
    assert (second["acts"], second["queues"]) == (False, 0)
    assert on.proxy.count("SetDesiredCapacity") == 1
    code, lines, said = invoke(on)
    assert (code, summary(lines)["acts"]) == (0, True), said
    journal = [*outputs[1][0].splitlines()[:-1], *lines]
    replayed = on.ops("scaling", "replay", "-", "--json", input_="\n".join(journal))
    assert json.loads(replayed.stdout)["decisions"] == 2
    assert replayed.returncode == 0
    assert "FLEET_SCALING_EVERY: " in invoke(on, FLEET_SCALING_EVERY="1y")[2]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (
            Fault("error", action="UpdateItem", code="AccessDeniedException"),
            "OpsError: the lease cannot be renewed: ",
        ),
        (
            Fault("error", action="Query", code="AccessDeniedException"),
            "OpsError: no queue could be decided on: nodes not known: ",
        ),
        (
            Fault("error", action="DescribeAutoScalingGroups", code="AccessDenied"),
            "OpsError: no queue could be decided on: group not known: ",
        ),
        (
            Fault("error", action="SetDesiredCapacity", code="AccessDenied"),
            "OpsError: nothing could be launched: ",
        ),
    ],
    ids=["lease", "registry", "groups", "launch"],
)
def test_what_scaled_nothing_for_trouble_is_an_error(on: Scaled, fault: Fault, said: str) -> None:
    """Otherwise no alarm rings while nothing is scaled."""
    on.send("video", 4)
    on.proxy.fail(fault)
    code, lines, error = invoke(on)
    assert code == 1, lines
    assert error.splitlines()[-1].startswith(f"ops.errors.{said}")
    on.proxy.clear()
    code, lines, error = invoke(on)
    assert code == 0, error
    # The lease was given up with the error: nobody waits for its end.
    assert summary(lines)["results"] == {"done": 1}


def test_one_queues_trouble_is_not_the_engines(aws: str, tmp_path: Path) -> None:
    with scaled(tmp_path, aws, "video", "mail") as on:
        on.account.client("autoscaling").delete_auto_scaling_group(
            AutoScalingGroupName=f"{on.account.name}-mail", ForceDelete=True
        )
        on.send("video", 4)
        on.send("mail", 4)
        code, lines, error = invoke(on)
        assert code == 0, error
        assert summary(lines)["results"] == {"done": 1}


def test_before_its_queues_are_there_nothing_is_wrong(on: Scaled) -> None:
    sqs = on.account.client("sqs")
    name = on.account.fleet.physical_name("video")
    sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName=name)["QueueUrl"])
    on.account.client("autoscaling").delete_auto_scaling_group(
        AutoScalingGroupName=f"{on.account.name}-video", ForceDelete=True
    )
    code, lines, error = invoke(on)
    assert code == 0, error
    assert summary(lines)["acts"]
