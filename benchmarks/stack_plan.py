"""``python -m benchmarks.stack_plan``: `ops stack plan` and `apply` of a fleet of many queues.

The command itself, as a process, against the local AWS, an empty account at first: a plan of
everything, `apply`, a plan where there is nothing to do, and one where every queue changes.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import boto3

from ops.local.aws import local_aws, local_environment

ROOT = Path(__file__).resolve().parents[1]
REGION = "eu-central-1"
#: The aim: seconds a plan of fifty queues.
AIM_SECONDS = 30.0
#: An image that the local AWS knows, of the architecture of the default types.
_IMAGE = "ami-0e9271c829888680e"


def manifest(queues: int, lease: str) -> str:
    """Return a fleet of so many queues, each with this lease."""
    each = (f'[queues.q{n}]\ntasks = ["q{n}.*"]\nlease = "{lease}"\n' for n in range(queues))
    return f'name = "many"\nregion = "{REGION}"\n' + "".join(each)


def ops(folder: Path, env: Mapping[str, str], *args: str) -> float:
    """Run `ops` and return how many seconds it took; any end but 0 and 3 is an error."""
    begun = time.monotonic()
    ran = subprocess.run(
        [sys.executable, "-m", "ops", *args],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode not in {0, 3}:
        raise SystemExit(f"ops {' '.join(args)}: exit {ran.returncode}\n{ran.stderr}")
    return time.monotonic() - begun


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the seconds of each step; exit 1 where a plan took more than the aim."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stack_plan")
    parser.add_argument("--queues", type=int, default=50)
    queues: int = parser.parse_args(arguments).queues
    slowest = 0.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        state = ["--folder", str(folder / "state"), "--minute", "3600"]
        with local_aws(folder, lambda: None, state) as url:
            ssm: Any = boto3.client(
                "ssm",
                endpoint_url=url,
                region_name=REGION,
                aws_access_key_id="local",
                aws_secret_access_key="local",
            )
            ssm.put_parameter(Name="/many/image", Value=_IMAGE, Type="String")
            env = {**local_environment(url), "PYTHONPATH": str(ROOT)}
            steps = (
                ("plan, nothing is there", "60s", ("plan",)),
                ("apply", "60s", ("apply", "--yes")),
                ("plan, nothing to do", "60s", ("plan",)),
                ("plan, every queue changes", "90s", ("plan",)),
            )
            print(f"{queues} queues, seconds:")
            for what, lease, command in steps:
                (folder / "fleet.toml").write_text(manifest(queues, lease))
                seconds = ops(folder, env, "stack", *command)
                print(f"{what:28} {seconds:7.1f}", flush=True)
                if command[0] == "plan":
                    slowest = max(slowest, seconds)
    return int(slowest > AIM_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
