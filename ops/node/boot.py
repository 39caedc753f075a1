"""What a new node does first: get its release, say what it is, start its agent and worker.

It needs the artifact in S3 and nothing else: no control plane, no package index. All it writes
lies under `root`, which is `/` on a machine of its own.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ops.aws import aws_errors
from ops.errors import OpsError
from ops.node.boot_files import (
    AGENT_UNIT,
    BOOT_FILE,
    BOOT_UNIT,
    boot_environment,
    boot_files,
    worker_unit,
)
from ops.node.boot_trying import is_denied, patiently
from ops.release.artifact import MOST_BYTES
from ops.release.store import current
from ops.release.unpack import check_interpreter, link, unpack
from worker.fleet import ManifestError, load

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from ops.release.pointer import Pointer
    from worker.fleet import Fleet

_PIECE_BYTES: Final = 1 << 20


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
    """Bring the node to work and return the release it runs. Doing it again is harmless.

    What S3 does not answer, or does not have yet, is asked for again for `patience_seconds`, each
    time with a client that `connect` makes: a machine may be up before its network and its role
    are. Where its image has another node's `boot.env`, that one's units are stopped first. Raises
    OpsError.
    """
    check_interpreter()
    told = boot_environment(asked.fleet, asked.queue, asked.bucket, asked.region)
    _be_no_other(asked, told, say)
    pointer = patiently(lambda s3: _fetched(asked, s3), connect, patience_seconds, say)
    folder = asked.releases / pointer.release
    fleet = _manifest(asked, folder)
    wheels = _wheels(folder)
    for path, text in boot_files(
        fleet, asked.queue, pointer.release, asked.region, wheels=bool(wheels)
    ).items():
        _write(asked.root / path, text)
    _write(asked.root / BOOT_FILE, told)
    link(folder, asked.home / "current")
    if wheels:
        _install(wheels, folder)
    _systemctl("daemon-reload")
    # A node that is stopped comes back with the release in force by then, and so is booted again.
    _systemctl("enable", "--quiet", BOOT_UNIT)
    # Not waited for: systemd tries again for as long as it takes, and the agent tells how it went.
    _systemctl("start", "--no-block", AGENT_UNIT, worker_unit(pointer.release))
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
    releases = sorted(each.name for each in asked.releases.glob("[!.]*") if each.is_dir())
    _systemctl("stop", BOOT_UNIT, AGENT_UNIT, *map(worker_unit, releases))
    # From here on no start of this machine makes it that node again.
    _write(file, told)


def _fetched(asked: Boot, s3: S3Client) -> Pointer:
    pointer = _pointed(asked, s3)
    folder = asked.releases / pointer.release
    if not folder.is_dir():
        _fetch(asked, s3, pointer, folder)
    return pointer


def _pointed(asked: Boot, s3: S3Client) -> Pointer:
    try:
        found = current(s3, asked.bucket)
    except OpsError as error:
        if not is_denied(error):
            raise
        raise OpsError(
            f"{error}; that is also what S3 answers a role without s3:ListBucket where there is no "
            "release yet: ops release put"
        ) from error
    if found is None:
        raise OpsError(
            f"s3://{asked.bucket}: expected a release, there is none yet: ops release put"
        )
    return found


def _fetch(asked: Boot, s3: S3Client, pointer: Pointer, folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder.parent, prefix=".fetched-") as file:
        digest, size = hashlib.sha256(), 0
        with aws_errors(f"getting {pointer.key} from {asked.bucket}", service="s3"):
            body = s3.get_object(Bucket=asked.bucket, Key=pointer.key)["Body"]
            for piece in body.iter_chunks(_PIECE_BYTES):
                size += len(piece)
                if size > MOST_BYTES:
                    raise OpsError(
                        f"s3://{asked.bucket}/{pointer.key}: expected at most "
                        f"{MOST_BYTES >> 20} MiB, found more"
                    )
                digest.update(piece)
                file.write(piece)
        file.flush()
        if digest.hexdigest() != pointer.sha256:
            raise OpsError(
                f"s3://{asked.bucket}/{pointer.key}: expected SHA-256 {pointer.sha256}, found "
                f"{digest.hexdigest()}: put the release again under another name"
            )
        unpack(Path(file.name), folder)


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


def _wheels(folder: Path) -> list[str]:
    return sorted(str(path) for path in folder.glob("wheels/*.whl"))


def _install(wheels: Sequence[str], folder: Path) -> None:
    """Install what the release brings along, beside it: no index is asked, nothing resolved."""
    target = folder / "site"
    if target.is_dir():
        return
    half = folder / ".site"
    shutil.rmtree(half, ignore_errors=True)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    _run(*pip, "--no-index", "--no-deps", "--target", str(half), *wheels)
    half.rename(target)


def _systemctl(*args: str) -> None:
    _run("systemctl", *args)


def _run(*command: str) -> None:
    try:
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise OpsError(f"{command[0]}: expected to run it, found {error}") from error
    if ran.returncode:
        raise OpsError(
            f"{' '.join(command)[:200]}: expected it to succeed, exit {ran.returncode}: "
            f"{ran.stderr.strip()[-500:]}"
        )


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.fresh")
    fresh.write_text(text)
    fresh.chmod(0o644)
    fresh.replace(path)
