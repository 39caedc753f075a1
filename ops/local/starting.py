"""`ops local up` and `ops local down`: the local AWS as a process that outlives the command."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from ops.errors import OpsError
from ops.local.aws import local_environment
from ops.local.images import Image
from ops.local.machine.processes import below, kill, table
from ops.local.process import Child, address
from ops.local.running import (
    LOG,
    Running,
    alone,
    began,
    forget,
    prepare,
    read,
    usable,
    write,
)

_ROOT: Final = Path(__file__).resolve().parents[2]
_PREVIOUS: Final = "previous"
#: What a run leaves behind, for the next to put aside.
_LEFT: Final = ("nodes", "lambda", "calls.jsonl", LOG)
_END_SECONDS: Final = 20.0
_KILL_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 0.05


def start(
    folder: Path,
    *,
    fleet: str,
    manifest: Path,
    region: str,
    image: str,
    made: Image | None = None,
    boot_seconds: float,
    port: int,
    options: Iterable[str] = (),
    step: Callable[[str], None],
) -> Running:
    """Start the local AWS of a folder, and put there what an account has.

    `image` names the parameter that holds the id of the nodes' image, which is `made`; `step` is
    told what is waited for. Where it fails or is interrupted, nothing is left running. Call it from
    the main thread. Raises OpsError.
    """
    with usable(folder):
        prepare(folder)
        with alone(folder):
            before = read(folder)
            if before is not None and before.alive():
                raise OpsError(
                    f"{folder}: a local fleet is up already (process {before.pid}, {before.url}): "
                    "ops local down ends it"
                )
            step("the last run's files to be put aside")
            _put_aside(folder)
            step("the local AWS to start")
            own = Image() if made is None else made
            holds = ["--manifest", str(manifest.absolute()), *options]
            child = None
            try:
                with _held_back():
                    child = _server(folder, boot_seconds, port, holds, own)
                url = address(child, lambda: None)
                step("its account")
                _furnish(url, region, image, own)
                ticks = began(child.pid)
                if ticks is None:
                    raise OpsError(f"local AWS: it ended: {child.last_line()}: see {folder / LOG}")
                running = Running(child.pid, ticks, url, fleet, str(manifest.absolute()), region)
                write(folder, running)
                if child.process.stdout is not None:
                    child.process.stdout.close()
            except BaseException:
                # It has nothing below it yet, and would not hear of its end before it has begun.
                if child is not None:
                    child.end()
                forget(folder)
                raise
            return running


def stop(folder: Path, step: Callable[[str], None]) -> int:
    """End all processes of a folder's local fleet, and return how many there were.

    `step` is told what is waited for. Raises OpsError where one of them cannot be ended.
    """
    if not folder.is_dir():
        return 0
    with usable(folder), alone(folder):
        running = read(folder)
        alive = running is not None and running.alive()
        server = running.pid if running is not None and alive else None
        ours = _ours(folder, server)
        if ours:
            step(f"the end of {processes(len(ours))}, its nodes' first")
        count = _end(folder, server, ours)
        forget(folder)
        return count


def processes(count: int) -> str:
    """Return a number of processes in words."""
    return "1 process" if count == 1 else f"{count} processes"


@contextlib.contextmanager
def _held_back() -> Iterator[None]:
    """Hold a Ctrl-C back until what it would interrupt can be ended by it."""
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if came:
        raise KeyboardInterrupt


def _put_aside(folder: Path) -> None:
    left = [folder / name for name in _LEFT if (folder / name).exists()]
    if left:
        shutil.rmtree(folder / _PREVIOUS, ignore_errors=True)
        (folder / _PREVIOUS).mkdir(exist_ok=True)
    for path in left:
        path.rename(folder / _PREVIOUS / path.name)


def _server(
    folder: Path, boot_seconds: float, port: int, options: Iterable[str], made: Image
) -> Child:
    command = [sys.executable, "-m", "ops.local.server", "--folder", str(folder)]
    command += ["--boot", str(boot_seconds), "--port", str(port), *options]
    images = made.write(folder / "images.json")
    with (folder / LOG).open("ab") as log:
        process = subprocess.Popen(
            command,
            # What it might call itself (moto can) stays on this machine, where nobody listens.
            env={**local_environment("http://127.0.0.1:9"), **images, "PYTHONPATH": str(_ROOT)},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
    return Child("local AWS", process, folder / LOG)


def _furnish(url: str, region: str, image: str, made: Image) -> None:
    import boto3  # noqa: PLC0415

    from ops.aws import aws_errors  # noqa: PLC0415

    with aws_errors(f"putting {image}", service="ssm"):
        ssm: Any = boto3.client(
            "ssm",
            endpoint_url=url,
            region_name=region,
            aws_access_key_id="local",
            aws_secret_access_key="local",  # noqa: S106  # nobody checks it
        )
        ssm.put_parameter(Name=image, Value=made.id, Type="String", DataType="aws:ec2:image")


def _end(folder: Path, server: int | None, ours: dict[int, int | None]) -> int:
    """End the server as it wants to be ended, and then whatever is left of its fleet."""
    if server is not None:
        kill({server}, signal.SIGTERM)
        _wait({server: began(server)}, _END_SECONDS)
    left = _ours(folder, server) | {pid: at for pid, at in ours.items() if began(pid) == at}
    kill([pid for pid, at in left.items() if at is not None and began(pid) == at], signal.SIGKILL)
    stayed = _wait(left, _KILL_SECONDS)
    if stayed:
        named = ", ".join(str(pid) for pid in sorted(stayed))
        raise OpsError(f"{folder}: expected all processes to end, found {named}: end them by hand")
    return len(ours.keys() | left.keys())


def _ours(folder: Path, server: int | None) -> dict[int, int | None]:
    """Return a local fleet's processes with their start times: the server, what is below it, and
    what says in its environment that its machine is one of this folder's.
    """
    all_ = table()
    found = set() if server is None else {server, *below(server, all_)}
    mark = f"FLEET_ROOT={folder}/nodes/".encode()
    for pid in all_:
        with contextlib.suppress(OSError):
            environ = Path(f"/proc/{pid}/environ").read_bytes()
            if any(each.startswith(mark) for each in environ.split(b"\0")):
                found.add(pid)
    found.discard(os.getpid())
    return {pid: at for pid in found if (at := began(pid)) is not None}


def _wait(processes: dict[int, int | None], seconds: float) -> set[int]:
    """Wait for processes to end, and return those that did not in time."""
    deadline = time.monotonic() + seconds
    while True:
        left = {pid for pid, at in processes.items() if at is not None and began(pid) == at}
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(_LOOK_SECONDS)
