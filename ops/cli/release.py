"""`ops release`: the application as its nodes get it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ops.cli.context import Ops, json_option, pass_ops
from ops.cli.counting import waiting
from ops.cli.output import print_json, print_line, say
from ops.errors import Exit

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from worker.fleet import Fleet


@click.group()
def release() -> None:
    """Put a release of the application where its nodes find it, and show which one they run."""


@release.command()
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="The application's folder; the manifest's unless named.",
)
@click.option("--release", "name", help="Its name; the first digits of its hash unless given.")
@click.option(
    "--include",
    metavar="PATH",
    multiple=True,
    help="A file below the folder that looks like a secret and is none. May be given repeatedly.",
)
@click.option(
    "--dirty", is_flag=True, help="Pack also what is not committed; its name ends in -dirty then."
)
@json_option
@pass_ops
def put(  # noqa: PLR0917
    ops: Ops,
    folder: Path | None,
    name: str | None,
    include: tuple[str, ...],
    dirty: bool,
    as_json: bool,
) -> int:
    """Pack the application's folder, put it into the artifact bucket, and make it current.

    Nodes that start from now on run it; those that run go on with theirs. In a git work tree the
    release holds what git has committed, and is refused where that is not what lies there;
    elsewhere it holds every file. Caches, environments and what has a name that secrets have are
    left out. A file that holds a private key or an AWS secret is refused.
    """
    from ops.release.artifact import pack  # noqa: PLC0415
    from ops.release.contents import check_committed, files_of  # noqa: PLC0415
    from ops.release.pointer import Pointer  # noqa: PLC0415
    from ops.release.store import make_current  # noqa: PLC0415
    from ops.release.store import put as put_artifact  # noqa: PLC0415

    fleet = ops.fleet()
    place = folder or fleet.path.absolute().parent
    with waiting("release", lambda: f"the files of {place} to be read"):
        contents = files_of(place, include)
        for each in contents.left_out:
            say(f"left out, as it looks like a secret (--include packs it): {each}")
        if not dirty:
            check_committed(place, contents)
        artifact = pack(place, contents.files, name, dirty=bool(contents.changed))
    s3, bucket = _bucket(fleet)
    megabytes = f"{len(artifact.data) / 1e6:.1f} MB"
    with waiting("release", lambda: f"S3 to take {megabytes}"):
        fresh = put_artifact(s3, bucket, artifact)
        pointer = Pointer.to(artifact.release, artifact.sha256, _queues(place))
        make_current(s3, bucket, pointer)
    if as_json:
        print_json(
            {
                "fleet": fleet.name,
                "release": artifact.release,
                "bucket": bucket,
                "sha256": artifact.sha256,
                "files": artifact.files,
                "bytes": len(artifact.data),
                "put": fresh,
                "left_out": contents.left_out,
                "dirty": bool(contents.changed),
            }
        )
    else:
        was = "put" if fresh else "was there"
        print_line(
            f"release {artifact.release} ({artifact.files} files, {megabytes}) {was} and is current"
        )
    return Exit.DONE


@release.command()
@json_option
@pass_ops
def show(ops: Ops, as_json: bool) -> int:
    """Show the release that new nodes run; exits 3 where there is none yet."""
    from ops.release.store import current  # noqa: PLC0415

    fleet = ops.fleet()
    s3, bucket = _bucket(fleet)
    with waiting("release", lambda: bucket):
        found = current(s3, bucket)
    if as_json:
        data = None if found is None else {"name": found.release, "sha256": found.sha256}
        print_json({"fleet": fleet.name, "bucket": bucket, "release": data})
    elif found is not None:
        print_line(f"{found.release}  sha256 {found.sha256}")
    if found is None:
        say(f"s3://{bucket}: no release yet: ops release put")
        return Exit.DRIFTED
    return Exit.DONE


def _queues(place: Path) -> tuple[str, ...] | None:
    """Return the queues that the release's nodes will know; None where its manifest is none."""
    from worker.fleet import ManifestError, load  # noqa: PLC0415

    try:
        return tuple(load(place / "fleet.toml").queues)
    except ManifestError:
        return None


def _bucket(fleet: Fleet) -> tuple[S3Client, str]:
    """Return a client of S3 and the name of the fleet's artifact bucket."""
    from ops import aws  # noqa: PLC0415
    from ops.stack.names import artifact_bucket  # noqa: PLC0415

    sts = aws.sts(fleet)
    asking = "asking which account this is"
    with waiting("release", lambda: "STS"), aws.aws_errors(asking, service="sts"):
        account = sts.get_caller_identity()["Account"]
    return aws.s3(fleet), artifact_bucket(fleet, account, sts.meta.region_name)
