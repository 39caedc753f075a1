"""The local AWS as a process: ``python -m ops.local.server [--port PORT]``.

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

HOST = "127.0.0.1"


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; say ``ready URL`` on stdout once it listens.

    Returns 0, or 1 where the port cannot be had, which is then said in one line on stderr.
    """
    parser = argparse.ArgumentParser(
        prog="python -m ops.local.server", description="moto's server on this machine alone."
    )
    parser.add_argument("--port", type=int, default=0, help="0 (default): the system chooses")
    port: int = parser.parse_args(arguments).port
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
    _serve(listener)
    print(f"ready http://{HOST}:{listener.getsockname()[1]}", flush=True)  # noqa: T201
    signal.sigwait(ends)
    return 0


def _serve(listener: socket.socket) -> None:
    from moto.moto_server.werkzeug_app import (  # noqa: PLC0415
        DomainDispatcherApplication,
        MotoRequestHandler,
        create_backend_app,
    )
    from werkzeug.serving import make_server  # noqa: PLC0415

    from ops.local import (  # noqa: PLC0415
        moto_autoscaling,
        moto_dynamodb,
        moto_ecs,
        moto_s3,
        moto_sqs,
    )

    moto_autoscaling.mend()
    moto_dynamodb.mend()
    moto_ecs.mend()
    moto_s3.mend()
    moto_sqs.mend()
    # A line for each request would be most of the work of serving it.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server(
        HOST,
        listener.getsockname()[1],
        DomainDispatcherApplication(create_backend_app),
        threaded=True,
        request_handler=MotoRequestHandler,
        fd=listener.fileno(),
    )
    threading.Thread(target=server.serve_forever, name="local-aws", daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
