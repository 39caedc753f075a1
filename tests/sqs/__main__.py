"""``python -m tests.sqs``: the strict SQS as a process."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys

from tests.sqs.faults import Fault
from tests.sqs.server import SqsServer

_PARENT_CHECK_SECONDS = 0.2


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM, SIGINT or the end of the parent process. Exit code 0, 1 or 2."""
    options = _parser().parse_args(arguments)
    try:
        defects = asyncio.run(_serve(options))
    except OSError as error:
        print(f"tests.sqs: cannot listen on 127.0.0.1:{options.port}: {error}", file=sys.stderr)
        return 1
    return 0 if defects == 0 else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.sqs", description="A strict SQS on 127.0.0.1, in memory."
    )
    parser.add_argument("--port", type=_port, default=0, help="0 (default): the system chooses")
    parser.add_argument("--delay-ms", type=float, default=0.0, help="added to every API call")
    parser.add_argument(
        "--fault",
        type=_fault,
        action="append",
        default=[],
        metavar="JSON",
        help='may be repeated, e.g. \'{"kind": "status", "status": 503, "probability": 0.05}\'',
    )
    parser.add_argument("--expired-access-key", action="append", default=[], metavar="ID")
    parser.add_argument(
        "--hang-up-is-harmless",
        action="store_true",
        help="a long poll whose caller hung up receives nothing (SQS: it may hide a message)",
    )
    parser.add_argument(
        "--stale-delete-succeeds",
        action="store_true",
        help="answer success to a delete by a stale handle, and delete nothing, as SQS may",
    )
    parser.add_argument("--record-calls", action="store_true", help="keep a record of each call")
    parser.add_argument("--detach", action="store_true", help="outlive the parent process")
    return parser


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text}: expected 0 to 65535")
    return int(text)


def _fault(text: str) -> Fault:
    try:
        given = json.loads(text)
        if not isinstance(given, dict):
            raise ValueError("expected a JSON object")
        return Fault.from_json(given)
    except (ValueError, TypeError) as error:
        raise argparse.ArgumentTypeError(f"{text}: {error}") from None


async def _serve(options: argparse.Namespace) -> int:
    """Serve until told to stop; how many defects of its own the server met."""
    parent_id = os.getppid()  # before anyone is told that the server is ready, and may leave
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = SqsServer()
    server.faults.delay_seconds = options.delay_ms / 1000
    server.faults.expired_access_key_ids.update(options.expired_access_key)
    server.settings.hang_up_hides = not options.hang_up_is_harmless
    server.settings.stale_delete_succeeds = options.stale_delete_succeeds
    server.calls.recording = options.record_calls
    for fault in options.fault:
        server.add_fault(fault)
    url = await server.start(options.port)
    print(f"ready {url}", flush=True)
    watch = None if options.detach else loop.create_task(_stop_with_parent(stop, parent_id))
    await stop.wait()
    if watch is not None:
        watch.cancel()
    await server.stop()
    return server.defects


async def _stop_with_parent(stop: asyncio.Event, parent_id: int) -> None:
    # A process whose parent ends is given another parent.
    while os.getppid() == parent_id:
        await asyncio.sleep(_PARENT_CHECK_SECONDS)
    stop.set()


if __name__ == "__main__":
    sys.exit(main())
