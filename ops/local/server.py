"""The local AWS as a process: ``python -m ops.local.server [--port PORT] [--folder DIR]``.

moto's server on 127.0.0.1, all of its services on one port. It must not share an interpreter
with anything that is measured or that may be killed.
"""

from __future__ import annotations

import argparse
import logging
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ops.local.admin import Admin

if TYPE_CHECKING:
    from ops.local.cloud import Cloud
    from ops.local.compute import Compute

HOST = "127.0.0.1"


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; say ``ready URL`` on stdout once it listens.

    Returns 0, or 1 where the port cannot be had, which is then said in one line on stderr.
    """
    parser = argparse.ArgumentParser(
        prog="python -m ops.local.server", description="moto's server on this machine alone."
    )
    parser.add_argument("--port", type=int, default=0, help="0 (default): the system chooses")
    parser.add_argument(
        "--folder", type=Path, help="where machines, functions and the record are; else none are"
    )
    parser.add_argument("--boot", type=float, default=0.0, help="seconds until an instance is up")
    parser.add_argument(
        "--manifest", default="", help="whose folder the images of containers hold; else nothing"
    )
    parser.add_argument(
        "--short-hooks", action="store_true", help="lifecycle hooks may be shorter than 30 s"
    )
    parser.add_argument(
        "--minute", type=float, default=60.0, help="seconds that a minute of a rate lasts"
    )
    options = parser.parse_args(arguments)
    port: int = options.port
    ends = {signal.SIGTERM, signal.SIGINT}
    # Blocked before any thread starts, so that it is this one that takes them.
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except (OSError, OverflowError) as error:
        print(  # noqa: T201
            f"local AWS: {HOST}:{port}: expected a free port, found {error}: choose another",
            file=sys.stderr,
        )
        return 1
    listener.listen(socket.SOMAXCONN)
    ending = _serve(listener, options)
    print(f"ready http://{HOST}:{listener.getsockname()[1]}", flush=True)  # noqa: T201
    signal.sigwait(ends)
    for part in ending:
        part.close()
    return 0


def _serve(listener: socket.socket, options: argparse.Namespace) -> list[Cloud | Compute]:
    from moto.moto_server.werkzeug_app import MotoRequestHandler  # noqa: PLC0415
    from werkzeug.serving import make_server  # noqa: PLC0415

    from ops.local import (  # noqa: PLC0415
        guard,
        moto_autoscaling,
        moto_dynamodb,
        moto_ec2,
        moto_s3,
        moto_sqs,
    )
    from ops.local.autoscaling.scheduled import ScheduledActions  # noqa: PLC0415
    from ops.local.cloud import Cloud  # noqa: PLC0415
    from ops.local.dispatch import Dispatcher  # noqa: PLC0415
    from ops.local.ecs import mend as ecs  # noqa: PLC0415
    from ops.local.ecs.runners import Ids  # noqa: PLC0415
    from ops.local.ecs.services import Services  # noqa: PLC0415

    url = f"http://{HOST}:{listener.getsockname()[1]}"
    admin = Admin()
    compute: Compute | None = None
    if options.folder is not None:
        from ops.local.compute import Compute  # noqa: PLC0415

        compute = Compute(
            options.folder,
            options.boot,
            url,
            application=options.manifest,
            short_hooks=options.short_hooks,
        )
        admin.add("instances", compute.answer)
        admin.add("tasks", compute.answer_tasks)
    cloud = Cloud(url, admin, options.folder, options.minute)
    lock = threading.RLock() if compute is None else compute.lock
    moto_autoscaling.mend(lock)
    cloud.ticker.add(ScheduledActions(lock))
    moto_dynamodb.mend()
    moto_ec2.mend()
    ecs.mend(Services(Ids()) if compute is None else compute.services)
    moto_s3.mend()
    moto_sqs.mend()
    # A line for each request would be most of the work of serving it.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server(
        HOST,
        listener.getsockname()[1],
        guard.before(admin.before(cloud.before(Dispatcher()))),
        threaded=True,
        request_handler=MotoRequestHandler,
        fd=listener.fileno(),
    )
    threading.Thread(target=server.serve_forever, name="local-aws", daemon=True).start()
    return [cloud] if compute is None else [compute, cloud]


if __name__ == "__main__":
    sys.exit(main())
