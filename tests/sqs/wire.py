"""How an answer reaches the caller, or fails to."""

from __future__ import annotations

import asyncio
import socket
import struct
import uuid
from collections.abc import Callable

from aiohttp import web

from tests.sqs.protocol import CONTENT_TYPE, Answer

# How often a connection that is held open without an answer is looked at.
_HOLD_CHECK_SECONDS = 0.2
# Abort with a reset instead of an orderly end of the stream: linger on, for no time.
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


def is_open(request: web.BaseRequest) -> bool:
    """Whether the caller is still at the other end."""
    transport = request.transport
    return transport is not None and not transport.is_closing()


def respond(answer: Answer) -> web.Response:
    """An ordinary answer."""
    headers = {"Content-Type": CONTENT_TYPE, "x-amzn-RequestId": str(uuid.uuid4())}
    if answer.query_error is not None:
        headers["x-amzn-query-error"] = answer.query_error
    return web.Response(status=answer.status, body=answer.body, headers=headers)


def close(request: web.BaseRequest) -> web.StreamResponse:
    """Close the connection without an answer."""
    if request.transport is not None:
        request.transport.close()
    return web.Response()


def reset_midway(request: web.BaseRequest, answer: Answer) -> web.StreamResponse:
    """Send the head and half of the body, then reset the connection."""
    transport = request.transport
    if transport is not None:
        transport.write(_raw(answer)[: -max(1, len(answer.body) // 2)])
        connection: socket.socket | None = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        transport.abort()
    return web.Response()


async def drip(request: web.BaseRequest, answer: Answer, seconds: float) -> web.StreamResponse:
    """Send the answer in small pieces spread over ``seconds``, then close."""
    raw = _raw(answer)
    pieces = min(len(raw), max(2, int(seconds / 0.02)))
    step = -(-len(raw) // pieces)
    for start in range(0, len(raw), step):
        transport = request.transport
        if transport is None or transport.is_closing():
            break
        transport.write(raw[start : start + step])
        await asyncio.sleep(seconds / pieces)
    return close(request)


async def hold(opened: Callable[[], bool]) -> web.StreamResponse:
    """Never answer: wait until the caller gives up."""
    while opened():
        await asyncio.sleep(_HOLD_CHECK_SECONDS)
    return web.Response()


def _raw(answer: Answer) -> bytes:
    query_error = (
        "" if answer.query_error is None else f"x-amzn-query-error: {answer.query_error}\r\n"
    )
    head = (
        f"HTTP/1.1 {answer.status} .\r\nContent-Type: {CONTENT_TYPE}\r\n{query_error}"
        f"Connection: close\r\nContent-Length: {len(answer.body)}\r\n\r\n"
    )
    return head.encode() + answer.body
