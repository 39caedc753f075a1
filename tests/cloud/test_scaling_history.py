"""`ops scaling history export` against CloudWatch and the registry, over HTTP and by botocore."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from ops.errors import OpsError
from ops.local.aws import local_environment
from ops.registry.registry import Registry
from ops.scaling.backtest.reading import Service, read_trace
from ops.scaling.durations import Durations
from ops.scaling.history import Minute, missing, run_times, sent_by_minute
from ops.scaling.memories import packed
from ops.scaling.memory import Memory
from tests.faulty import Faulty

ROOT = Path(__file__).parents[2]
TEXT = 'name = "told"\nregion = "eu-west-1"\n[queues.mail]\ntasks = ["mail.*"]\n'
OPS = """
import sys
from ops.cli.app import run
from ops.cli.scaling import scaling
from ops.cli.scaling_history import history
scaling.add_command(history)
sys.exit(run(sys.argv[1:]))
"""
KEYS = {
    "region_name": "eu-west-1",
    "aws_access_key_id": "x",
    "aws_secret_access_key": "x",
}


def minutes_of(counts: list[int | None], begin: float) -> list[dict[str, Any]]:
    """What SQS would have written: a sum for each minute, and nothing where the queue slept."""
    return [
        {
            "MetricName": "NumberOfMessagesSent",
            "Dimensions": [{"Name": "QueueName", "Value": "told-mail"}],
            "Value": float(count),
            "Timestamp": dt.datetime.fromtimestamp(begin + 60 * n, dt.UTC),
        }
        for n, count in enumerate(counts)
        if count is not None
    ]


def remembered() -> str:
    """The memory of a queue whose tasks run for about 12 s."""
    rng = Random(1)
    memory = Memory(durations=Durations())
    memory.durations.add([(n, rng.lognormvariate(2.3, 0.6)) for n in range(1000)])
    return memory.to_text()


def test_a_queue_s_history_is_a_trace(aws: str, proxy: Faulty, tmp_path: Path) -> None:
    (tmp_path / "fleet.toml").write_text(TEXT)
    env = {**local_environment(proxy.url), "PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}

    def ops(*args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", OPS, *args],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    ran = ops("scaling", "history", "export", "mail")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "CloudWatch knows of none" in ran.stderr

    begin = time.time() // 60 * 60 - 3600
    data = minutes_of([3, 0, 20, None, None, 7], begin)
    boto3.client("cloudwatch", endpoint_url=aws, **KEYS).put_metric_data(
        Namespace="AWS/SQS", MetricData=data
    )
    # Without the registry's table the history is of use all the same.
    ran = ops("scaling", "history", "export", "mail", "--days", "1")
    assert ran.returncode == 0, ran.stderr
    first = f"{dt.datetime.fromtimestamp(begin, dt.UTC):%Y-%m-%d %H:%M:%S}"
    assert ran.stdout.splitlines()[:2] == ["minute_utc,count", f"{first},3"]
    assert len(ran.stdout.splitlines()) == 5
    assert "30 messages in 4 minutes, 2 minutes unknown" in ran.stderr
    assert "run times are not known" in ran.stderr

    assert ops("stores", "apply", "--yes").returncode == 0
    registry = Registry(boto3.client("dynamodb", endpoint_url=aws, **KEYS), "told-registry", "told")
    lease = registry.take("test", time.time(), 60)
    assert lease is not None
    registry.remember("mail", remembered(), lease)
    ran = ops("scaling", "history", "export", "mail", "--out", "mail.csv.gz", "--json")
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert (told["messages"], told["missing_minutes"], told["file"]) == (30, 2, "mail.csv.gz")
    assert told["service"]["mean_seconds"] == pytest.approx(12, rel=0.15)
    assert "--service 1" in ran.stderr
    assert sorted(each.name for each in tmp_path.iterdir() if "mail" in each.name) == [
        "mail.csv.gz"
    ]

    trace = read_trace(tmp_path / "mail.csv.gz", Service(12.0))
    assert (len(trace), trace.begins_at, trace.missing_minutes) == (30, begin, 2)
    assert sum(1 for at in trace.arrivals if at >= begin + 300) == 7

    for args, told_text in (
        (("nobody",), "nobody"),
        (("mail", "--days", "16"), "16 is not in the range 1<=x<=15"),
        (("mail", "--out", "no/x.csv"), f"found no folder {tmp_path / 'no'}: create the"),
        (
            ("mail", "--out", "."),
            "--out .: expected a file that can be written, found a folder",
        ),
        (("mail", "--out", "/proc/x.csv"), "found /proc: "),
    ):
        asked_before = proxy.count()
        ran = ops("scaling", "history", "export", *args)
        assert ran.returncode == 2
        assert proxy.count() == asked_before
        assert told_text in ran.stderr
        assert "Traceback" not in ran.stderr


def page(values: list[tuple[int, float]], status: str, token: str = "") -> dict[str, Any]:
    result = {
        "Id": "sent",
        "Label": "sent",
        "StatusCode": status,
        "Timestamps": [dt.datetime.fromtimestamp(at, dt.UTC) for at, _ in values],
        "Values": [value for _, value in values],
    }
    return {"MetricDataResults": [result], **({"NextToken": token} if token else {})}


def asked(**more: str) -> dict[str, Any]:
    query = {
        "Id": "sent",
        "MetricStat": {
            "Metric": {
                "Namespace": "AWS/SQS",
                "MetricName": "NumberOfMessagesSent",
                "Dimensions": [{"Name": "QueueName", "Value": "told-mail"}],
            },
            "Period": 60,
            "Stat": "Sum",
        },
    }
    return {
        "MetricDataQueries": [query],
        "StartTime": dt.datetime.fromtimestamp(600, dt.UTC),
        "EndTime": dt.datetime.fromtimestamp(1200, dt.UTC),
        "ScanBy": "TimestampAscending",
        **more,
    }


def test_every_page_is_read() -> None:
    client = boto3.client("cloudwatch", **KEYS)
    with Stubber(client) as stub:
        stub.add_response("get_metric_data", page([(600, 2)], "PartialData", "more"), asked())
        stub.add_response(
            "get_metric_data", page([(780, 4), (660, 0)], "Complete"), asked(NextToken="more")
        )
        found = sent_by_minute(client, "told-mail", 623.0, 1234.0)
    assert found == [Minute(600, 2), Minute(660, 0), Minute(780, 4)]
    assert missing(found) == 1
    assert missing([]) == 0


@pytest.mark.parametrize("status", ["Forbidden", "InternalError"])
def test_an_answer_that_is_not_whole_is_no_history(status: str) -> None:
    client = boto3.client("cloudwatch", **KEYS)
    with Stubber(client) as stub:
        stub.add_response("get_metric_data", page([(600, 2)], status), asked())
        with pytest.raises(OpsError, match=f"expected all of it, got {status}"):
            sent_by_minute(client, "told-mail", 600, 1200)


def test_a_denied_call_names_its_permission() -> None:
    client = boto3.client("cloudwatch", **KEYS)
    with Stubber(client) as stub:
        stub.add_client_error("get_metric_data", "AccessDenied", "no")
        with pytest.raises(OpsError, match="allow cloudwatch:GetMetricData"):
            sent_by_minute(client, "told-mail", 600, 1200)


def test_run_times_want_a_memory_that_says_enough() -> None:
    learnt = run_times(remembered())
    assert learnt is not None
    assert (learnt.completions, learnt.cv) == (1000, pytest.approx(0.66, abs=0.15))
    assert run_times(Memory().to_text()) is None
    assert run_times("{}") is None


def test_run_times_are_read_from_a_memory_that_is_kept_compressed() -> None:
    memory = Memory.from_text(remembered())
    memory.joined = [f"i-{n:017x}" for n in range(300)]
    kept = packed(memory.to_text())
    assert kept != memory.to_text()
    assert run_times(kept) == run_times(remembered())
