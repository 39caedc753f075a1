"""The HTTP server: one port, the API on it, and the control side under ``/_control/``."""

from __future__ import annotations

import asyncio
import logging
import weakref
from typing import Any

from aiohttp import web

from tests.sqs import wire
from tests.sqs.call import Call
from tests.sqs.calls import CallLog
from tests.sqs.clock import Clock
from tests.sqs.control_api import CONTROL_PATH, ControlApi
from tests.sqs.errors import SqsError
from tests.sqs.faults import Fault, Faults
from tests.sqs.listener import Listener
from tests.sqs.protocol import Answer, parse_call
from tests.sqs.queue import Settings
from tests.sqs.registry import Registry
from tests.sqs.schema import load_checks
from tests.sqs.service import Service

_log = logging.getLogger(__name__)


class SqsServer:
    """Everything of one server. Start it inside the event loop that is to run it."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.settings = Settings()
        self.faults = Faults()
        self.calls = CallLog()
        self.defects = 0
        self.registry = Registry(self.clock, self.settings)
        self._service = Service(self.registry)
        self._checks = load_checks()
        self._control = ControlApi(self)
        self._control_transports: weakref.WeakSet[Any] = weakref.WeakSet()
        self._http: web.Server | None = None
        self._listener: Listener | None = None

    async def start(self, port: int = 0) -> str:
        """Listen on 127.0.0.1 (``port`` 0: the system chooses); the URL."""
        self._http = web.Server(self._handle, access_log=None)
        self._listener = Listener(self._http, port)
        await self._listener.open()
        self.registry.base_url = self._listener.url
        return self._listener.url

    async def stop(self) -> None:
        """Close everything, open long polls too."""
        if self._listener is not None:
            self._listener.close_for_good()
        if self._http is not None:
            # aiohttp takes 0 for "wait without end".
            await self._http.shutdown(timeout=0.01)

    async def refuse_connections(self, seconds: float) -> None:
        """Refuse connections for a while, and reset those the API has open.

        Control connections that exist stay open.
        """
        if self._listener is None or self._http is None:
            raise RuntimeError("refuse_connections: the server has not been started")
        self._listener.close_for(seconds)
        for connection in self._http.connections:
            transport = connection.transport
            if transport is not None and transport not in self._control_transports:
                transport.abort()

    async def accept_connections(self) -> None:
        """Accept connections again before that while is over."""
        if self._listener is not None:
            await self._listener.open()

    def add_fault(self, fault: Fault) -> int:
        """Put a fault into force; the number to clear it by."""
        rule = self.faults.add(fault)
        if fault.kind == "silent" and fault.open_polls:
            for queue in self.registry.all():
                for poll in queue.open_polls:
                    if fault.covers("ReceiveMessage", queue.name, poll.access_key_id):
                        poll.silenced = True
        return rule.identifier

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.raw_path.startswith(CONTROL_PATH):
            self._control_transports.add(request.transport)
            return await self._control.handle(request)
        if request.headers.get("Expect") == "100-continue" and request.transport is not None:
            request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = await request.content.read()
        try:
            return await self._call(request, body)
        except Exception:
            # Must not pass for a fault that a test asked for: the handles raise it at the end.
            _log.exception("%s: defect of the test server", request.headers.get("X-Amz-Target"))
            self.defects += 1
            raise

    async def _call(self, request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        try:
            call = parse_call(request, body, self._checks, lambda: wire.is_open(request))
        except SqsError as error:
            self.calls.refused(request.headers.get("X-Amz-Target", ""), error.code)
            return wire.respond(Answer.of_error(error))
        self.calls.began(call)
        return await self._serve(request, call)

    async def _serve(self, request: web.BaseRequest, call: Call) -> web.StreamResponse:
        delay_seconds = self.faults.delay_of(call.action)
        if delay_seconds > 0:
            await asyncio.sleep(delay_seconds)
        if call.access_key_id in self.faults.expired_access_key_ids:
            return self._respond(call, Answer.of_error(_EXPIRED))
        rule = self.faults.match(call)
        if rule is not None and rule.fault.kind == "entries":
            call.entry_fault = rule
        elif rule is not None:
            return await self._fail(request, call, rule.fault)
        answer = await self._answer(call)
        if call.poll is not None and call.poll.silenced:
            self.calls.ended(call, 0, "fault:silent")
            return await wire.hold(call.is_open)
        return self._respond(call, answer)

    async def _fail(self, request: web.BaseRequest, call: Call, fault: Fault) -> web.StreamResponse:
        """Apply a fault; its kinds are described at :data:`tests.sqs.faults.Kind`."""
        if fault.kind in ("error", "status"):
            return self._respond(call, _refusal(fault))
        outcome = f"fault:{fault.kind}"
        if fault.kind == "silent":
            self.calls.ended(call, 0, outcome)
            return await wire.hold(call.is_open)
        answer = await self._answer(call)
        self.calls.ended(call, answer.status if fault.kind in ("malformed", "drip") else 0, outcome)
        match fault.kind:
            case "malformed":
                return wire.respond(answer.cut_in_half())
            case "reset":
                return wire.reset_midway(request, answer)
            case "drip":
                return await wire.drip(request, answer, fault.seconds)
            case _:
                return wire.close(request)

    async def _answer(self, call: Call) -> Answer:
        try:
            return Answer.of_result(await self._service.perform(call))
        except SqsError as error:
            return Answer.of_error(error)

    def _respond(self, call: Call, answer: Answer) -> web.Response:
        self.calls.ended(call, answer.status, answer.outcome)
        return wire.respond(answer)


_EXPIRED = SqsError("ExpiredToken", "The security token included in the request is expired")


def _refusal(fault: Fault) -> Answer:
    if fault.kind == "error":
        return Answer.of_error(SqsError(fault.code, fault.message, fault.status))
    status = fault.status or 503
    names = {408: "RequestTimeout", 503: "ServiceUnavailable"}
    error = SqsError(names.get(status, "InternalFailure"), fault.message, status)
    answer = Answer.of_error(error)
    return answer if fault.with_body else Answer(status, b"", error.code)
