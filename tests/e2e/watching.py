"""What a worker shows of itself, read as a monitor and as systemd would."""

from __future__ import annotations

import json
import os
import re
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families as parse

from tests.e2e.fleet import Worker

Series = tuple[str, tuple[tuple[str, str], ...]]


def get(worker: Worker, path: str) -> tuple[int, str]:
    """Return the status and the text of a page of the worker's endpoint."""
    try:
        with urllib.request.urlopen(
            f"http://{worker.status()['metrics']}{path}", timeout=10
        ) as got:
            return got.status, got.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


def health(worker: Worker) -> tuple[int, list[str]]:
    """Return ``/healthz``'s status and reasons."""
    status, body = get(worker, "/healthz")
    return status, json.loads(body)["reasons"]


def scrape(worker: Worker) -> dict[Series, float]:
    """Return every sample of the metrics page, by its name and labels."""
    status, page = get(worker, "/metrics")
    assert status == 200
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in parse(page)
        for sample in family.samples
    }


def value(page: dict[Series, float], name: str, **labels: str) -> float:
    """Return the sum of the samples of that name that have at least these labels."""
    return sum(
        v for (n, found), v in page.items() if n == name and labels.items() <= dict(found).items()
    )


def open_sockets(pid: int) -> set[int]:
    """Return the inodes of the sockets that a process has open."""
    found = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = str(entry.readlink())
        except OSError:  # closed meanwhile
            continue
        if match := re.fullmatch(r"socket:\[(\d+)\]", target):
            found.add(int(match[1]))
    return found


class Systemd:
    """A stand-in for systemd's notification socket: what it was told, and when."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        self._told: list[str] = []

    @property
    def told(self) -> list[str]:
        """Every line so far, in order."""
        while True:
            try:
                self._told.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return self._told

    def count(self, line: str) -> int:
        """How often a line was told."""
        return self.told.count(line)

    def feeds_within(self, seconds: float) -> bool:
        """Whether the watchdog is fed within that time from now."""
        before = self.count("WATCHDOG=1")
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            if self.count("WATCHDOG=1") > before:
                return True
            time.sleep(0.02)
        return False

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


@contextmanager
def systemd(folder: Path, *, abstract: bool = False) -> Iterator[Systemd]:
    """Listen as systemd does, on a path or a name of the abstract namespace."""
    address = f"@fleet-test-{os.getpid()}" if abstract else str(folder / "notify")
    listening = Systemd(address)
    try:
        yield listening
    finally:
        listening.close()
