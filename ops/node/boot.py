"""What a new node does first: get its release, say what it is, start its agent and worker.

It needs the artifact in S3 and nothing else: no control plane, no package index. All it writes
lies under `root`, which is `/` on a machine of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ops.disk import disk_errors
from ops.errors import OpsError
from ops.node.boot_fetching import fetched, installed
from ops.node.boot_files import (
    AGENT_UNIT,
    BOOT_FILE,
    BOOT_UNIT,
    boot_environment,
    boot_files,
    worker_unit,
)
from ops.node.boot_running import systemctl
from ops.node.boot_trying import patiently
from ops.release.unpack import check_interpreter, link
from worker.fleet import ManifestError, load

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from ops.release.pointer import Pointer
    from worker.fleet import Fleet


@dataclass(frozen=True, slots=True)
class Boot:
    """Which node this is, where its release lies, and below which folder all of it goes."""

    fleet: str
    queue: str
    region: str
    bucket: str
    root: Path = Path("/")

    @property
    def home(self) -> Path:
        """Return where releases and the interpreter lie."""
        return self.root / "opt/fleet"

    @property
    def releases(self) -> Path:
        """Return where each release has a folder of its name."""
        return self.home / "releases"


def boot(
    asked: Boot,
    connect: Callable[[], S3Client],
    *,
    patience_seconds: float,
    say: Callable[[str], None],
) -> Pointer:
    """Bring the node to work and return the release it runs.

    Doing it again is harmless: what runs goes on. Where another release is in force by then, its
    worker starts beside those of others, which drain; the agent begins anew, with its manifest.

    What S3 does not answer, or does not have yet, and what the disk does not take, is tried again
    for `patience_seconds`, each time with a client that `connect` makes: a machine may be up before
    its network, its role and all of its volume are. Where its image has another node's `boot.env`,
    that one's units are stopped first. Raises OpsError.
    """
    check_interpreter()
    told = boot_environment(asked.fleet, asked.queue, asked.bucket, asked.region)
    _be_no_other(asked, told, say)
    pointer = patiently(lambda s3: _prepared(asked, told, s3), connect, patience_seconds, say)
    systemctl("daemon-reload")
    # A node that is stopped comes back with the release in force by then, and so is booted again.
    systemctl("enable", "--quiet", BOOT_UNIT)
    # Not waited for: systemd tries again for as long as it takes, and the agent tells how it went.
    # One that runs has read the manifest and its variables: the next goes on where it was.
    systemctl("restart", "--no-block", AGENT_UNIT)
    systemctl("start", "--no-block", worker_unit(pointer.release))
    others = [each for each in _workers(asked) if each != worker_unit(pointer.release)]
    if others:
        systemctl("stop", "--no-block", *others)
    return pointer


def _be_no_other(asked: Boot, told: str, say: Callable[[str], None]) -> None:
    """Stop what an image of another node has started by that one's `boot.env`."""
    file = asked.root / BOOT_FILE
    try:
        before = file.read_text(errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise OpsError(f"{file}: expected to read it, found {error.strerror}: remove it") from error
    if set(told.splitlines()) <= set(before.splitlines()):
        return
    say(f"{file}: this machine's image was a node for something else: that one's units are stopped")
    systemctl("stop", BOOT_UNIT, AGENT_UNIT, *_workers(asked))
    # From here on no start of this machine makes it that node again.
    _write(file, told)


def _workers(asked: Boot) -> list[str]:
    """Return the units of all releases here, whether they run or not."""
    releases = sorted(each.name for each in asked.releases.glob("[!.]*") if each.is_dir())
    return [worker_unit(each) for each in releases]


def _prepared(asked: Boot, told: str, s3: S3Client) -> Pointer:
    """Have the release in force, and what tells systemd of it, in their places."""
    pointer = fetched(s3, asked.bucket, asked.releases)
    folder = asked.releases / pointer.release
    fleet = _manifest(asked, folder)
    wheels = installed(folder)
    files = boot_files(fleet, asked.queue, pointer.release, asked.region, wheels=wheels)
    for path, text in {**files, BOOT_FILE: told}.items():
        _write(asked.root / path, text)
    with disk_errors(asked.home / "current"):
        link(folder, asked.home / "current")
    return pointer


def _manifest(asked: Boot, folder: Path) -> Fleet:
    try:
        fleet = load(folder / "fleet.toml")
    except ManifestError as error:
        raise OpsError(f"the release's manifest cannot be used:\n{error}") from error
    if fleet.name != asked.fleet or asked.queue not in fleet.queues:
        raise OpsError(
            f"{fleet.path}: expected fleet {asked.fleet} with a queue {asked.queue}, found fleet "
            f"{fleet.name} with {', '.join(fleet.queues)}: put a release of the manifest that the "
            "stacks were applied from"
        )
    return fleet


def _write(path: Path, text: str) -> None:
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.fresh")
        fresh.write_text(text)
        fresh.chmod(0o644)
        fresh.replace(path)
