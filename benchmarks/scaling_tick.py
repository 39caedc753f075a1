"""``python -m benchmarks.scaling_tick``: reading the signals of 50 and of 500 queues.

Between the engine and a local AWS stands a proxy, in a process of its own, that has every answer
take 50 ms and counts the calls. It repeats what the local AWS has answered to the same request, so
that what is measured is the engine, and not how fast moto is. Four instances a group, of which each
has spoken in the registry.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from ops.local.aws import local_aws, local_environment
from ops.local.process import start_server
from ops.scaling.signals import Gathered
from tests.cloud.scaling_account import Account
from tests.faulty import action_of

ROOT = Path(__file__).resolve().parents[1]
ANSWER_SECONDS = 0.05
INSTANCES = 4
TICKS = 5
EVERY_SECONDS = 15.0
#: The aims: seconds a tick, calls a tick, and calls of CloudWatch a minute.
AIMS = {50: (1.0, 52, 1), 500: (3.0, 506, 5)}
_AGES = "GetMetricData"
_COUNTS_PATH = "/__counts"
_HOP_BY_HOP = {"connection", "content-length", "host", "keep-alive", "transfer-encoding", "expect"}


@dataclass(frozen=True)
class Tick:
    """One tick: what it called, and what it took."""

    calls: Counter[str]
    seconds: float
    cpu_seconds: float

    @property
    def reads(self) -> int:
        """Calls but CloudWatch's, which come once a minute."""
        return sum(self.calls.values()) - self.calls[_AGES]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 1 where an aim is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling_tick")
    parser.add_argument("--proxy", metavar="URL", help="(be the proxy before this AWS)")
    parser.add_argument("--queues", type=int, nargs="+", default=list(AIMS))
    options = parser.parse_args(arguments)
    if options.proxy:
        asyncio.run(_serve(options.proxy))
        return 0
    missed = 0
    print(f"every answer takes {ANSWER_SECONDS * 1000:.0f} ms; {os.cpu_count()} cores")
    print(f"{'queues':>6} {'tick':>8} {'calls':>6} {'CloudWatch':>10} {'seconds':>8} {'CPU s':>6}")
    for queues in options.queues:
        ticks = measure(queues)
        for number, tick in enumerate(ticks):
            name = "first" if number == 0 else f"+{number * EVERY_SECONDS:.0f} s"
            print(
                f"{queues:>6} {name:>8} {tick.reads:>6} {tick.calls[_AGES]:>10} "
                f"{tick.seconds:>8.2f} {tick.cpu_seconds:>6.2f}"
            )
        missed += not _met(queues, ticks)
    return 1 if missed else 0


def _met(queues: int, ticks: Sequence[Tick]) -> bool:
    seconds, calls, ages = AIMS.get(queues, AIMS[max(AIMS)])
    # The first asks for a queue's URL besides, and opens its connections.
    steady = ticks[1:]
    worst = max(tick.seconds for tick in ticks)
    found = (
        worst <= seconds,
        max(tick.reads for tick in steady) <= calls,
        max(tick.calls[_AGES] for tick in ticks) <= ages,
    )
    middle = statistics.median(tick.seconds for tick in ticks)
    print(
        f"{queues:>6} median {middle:.2f} s, worst {worst:.2f} s, aim {seconds:g} s and {calls} "
        f"calls: {'met' if all(found) else 'MISSED'}"
    )
    return all(found)


def measure(queues: int) -> list[Tick]:
    """Run some ticks of a fleet of so many queues."""
    with (
        tempfile.TemporaryDirectory() as folder,
        local_aws(Path(folder), lambda: None) as aws,
        _proxy(Path(folder), aws) as url,
    ):
        account = Account(aws, _At(url), [f"q{n}" for n in range(queues)])
        account.create(instances=INSTANCES)
        _speak(account)
        begun = time.time()
        with account.signals(deadline_seconds=60.0) as before:
            before.gather(begun)  # from here on the proxy knows every answer
        ticks = []
        with account.signals(deadline_seconds=30.0) as signals:
            for number in range(TICKS):
                _counts(url)
                wall, cpu = time.perf_counter(), time.process_time()
                found = signals.gather(begun + number * EVERY_SECONDS)
                took = time.perf_counter() - wall, time.process_time() - cpu
                _check(found)
                ticks.append(Tick(_counts(url), *took))
        return ticks


def _check(found: Gathered) -> None:
    """What is fast because it failed is not measured."""
    for each in found.queues.values():
        assert each.counts.value is not None, each.counts
        assert each.group.value is not None, each.group
        assert each.nodes.value is not None, each.nodes
        assert len(each.nodes.value) == len(each.group.value.instances) == INSTANCES


def _speak(account: Account) -> None:
    now = time.time()
    groups = account.client("autoscaling").get_paginator("describe_auto_scaling_groups")
    for page in groups.paginate(PaginationConfig={"PageSize": 100}):
        for group in page["AutoScalingGroups"]:
            queue = group["AutoScalingGroupName"].removeprefix(f"{account.name}-")
            for instance in group["Instances"]:
                account.say(queue, instance["InstanceId"], now, busy=2, started=(now, now))


class _At:
    """What an account needs of a proxy."""

    def __init__(self, url: str) -> None:
        self.url = url


@contextmanager
def _proxy(folder: Path, aws: str) -> Iterator[str]:
    child, url = start_server(
        "proxy",
        [sys.executable, "-m", "benchmarks.scaling_tick", "--proxy", aws],
        env={**local_environment(aws), "PYTHONPATH": str(ROOT)},
        cwd=folder,
        log=folder / "proxy.log",
        on_wait=lambda: None,
    )
    try:
        yield url
    finally:
        child.end()


def _counts(url: str) -> Counter[str]:
    """Return the calls since this was last asked."""
    with urllib.request.urlopen(url + _COUNTS_PATH, timeout=10) as answer:
        return Counter(json.load(answer))


async def _serve(aws: str) -> None:
    known: dict[tuple[str, bytes], tuple[int, dict[str, str], bytes]] = {}
    counts: Counter[str] = Counter()

    async def answer(request: web.Request) -> web.Response:
        begun = time.monotonic()
        if request.path == _COUNTS_PATH:
            said = json.dumps(counts)
            counts.clear()
            return web.Response(text=said)
        body = await request.read()
        action = action_of(request.headers.get("X-Amz-Target", ""), request.path, body)
        counts[action] += 1
        # The time that a request to CloudWatch names is another each minute.
        key = (action, b"" if action == _AGES else body)
        if key not in known:
            headers = {k: v for k, v in request.headers.items() if k.lower() not in _HOP_BY_HOP}
            async with session.request(
                request.method, aws + request.path_qs, data=body, headers=headers
            ) as told:
                kept = {k: v for k, v in told.headers.items() if k.lower() not in _HOP_BY_HOP}
                kept.pop("Content-Encoding", None)
                known[key] = told.status, kept, await told.read()
        status, headers, found = known[key]
        await asyncio.sleep(max(0.0, begun + ANSWER_SECONDS - time.monotonic()))
        return web.Response(status=status, headers=headers, body=found)

    app = web.Application(client_max_size=1 << 24)
    app.router.add_route("*", "/{path:.*}", answer)
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        runner: Any = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, backlog=512)
        await site.start()
        port = runner.addresses[0][1]
        print(f"ready http://127.0.0.1:{port}", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    sys.exit(main())
