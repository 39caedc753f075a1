"""`ops node boot`: what a new node's user data runs."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import click

from ops.cli.output import print_line, say
from ops.cli.params import Duration


@click.command()
@click.option("--fleet", required=True, help="The fleet's name.")
@click.option("--queue", required=True, help="The queue this node serves.")
@click.option("--bucket", required=True, help="The fleet's artifact bucket.")
@click.option("--region", required=True, help="The fleet's region.")
@click.option(
    "--patience",
    type=Duration("0s", "1h"),
    default="5m",
    show_default=True,
    help="How long to try again where S3 does not answer, has no release yet, or the disk is full.",
)
def boot(fleet: str, queue: str, bucket: str, region: str, patience: timedelta) -> None:
    """Get the fleet's current release, and start the agent and the worker of this node.

    FLEET_ROOT is the folder below which everything goes; / unless set. Doing it again is harmless:
    after another release was put, its worker starts beside the old one, which drains.
    """
    from ops.aws import s3_in  # noqa: PLC0415
    from ops.node.boot import Boot  # noqa: PLC0415
    from ops.node.boot import boot as bring_up  # noqa: PLC0415

    root = Path(os.environ.get("FLEET_ROOT", "/"))
    pointer = bring_up(
        Boot(fleet, queue, region, bucket, root),
        lambda: s3_in(region),
        patience_seconds=patience.total_seconds(),
        say=say,
    )
    print_line(f"release {pointer.release} of {fleet}, queue {queue}: started")
