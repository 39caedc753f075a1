"""A task: its containers, what they ask about themselves, and its control socket, in one loop."""

from __future__ import annotations

import os
import secrets
import signal
import time
from pathlib import Path
from typing import Any, Final

from ops.local.ecs.host import endpoint, image, seen
from ops.local.ecs.host.container import Contained
from ops.local.ecs.host.facts import BadTask, Facts, read
from ops.local.machine import control, logs, metadata_server
from ops.local.machine.control import BadRequest, Reply, seconds
from ops.local.machine.loop import Loop
from ops.local.machine.metadata import Request, Response

#: The longest that Fargate waits for a container to stop.
_STOP_SECONDS: Final = 120.0
_DAY_SECONDS: Final = 86_400.0
_EXITED: Final = "Essential container in task exited"


class Host:
    """One task, in the folder that is its own. Raises BadTask, OSError."""

    def __init__(self, root: Path, address: str, boot_seconds: float) -> None:
        self.loop = Loop()
        self._root = root
        self._facts = read(root)
        self._account = seen.Account()
        self._secret = secrets.token_urlsafe(32)
        image.unpack(root, self._facts)
        log = root / "log" / "task.log"
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        logs.bound(self.loop, root / "log")
        self._containers = {
            each.name: Contained(each, root, self.loop, self._changed, self._checked)
            for each in self._facts.containers
        }
        self.metadata = metadata_server.answer(self.loop, address, self._answer)
        control.serve(self.loop, root, self._asked)
        self.loop.on_signal(self._signalled)
        self._note()
        self.loop.call_in(boot_seconds, self._begin)

    def say(self, text: str) -> None:
        """Write a line into the task's own log."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        os.write(self._log, f"{stamp} {text}\n".encode())

    # -- its life -------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Start the containers, each after those that it depends on."""
        left = dict(self._containers)
        while left and not self._account.stopping:
            ready = [each for each in left.values() if not left.keys() & set(each.of.after)]
            if not ready:
                self._stop(f"its containers wait for each other: {', '.join(left)}", "")
                return
            for each in ready:
                del left[each.of.name]
                if not self._account.stopping:
                    self._start(each)

    def _start(self, each: Contained) -> None:
        told = self._told(each.of.name)
        try:
            each.start(image.environment(self._root, self._facts, each.of, told))
        except OSError as error:
            self._stop(f"CannotStartContainerError: {each.of.name}: {error}", "TaskFailedToStart")

    def _told(self, name: str) -> dict[str, str]:
        """Return the variables that ECS gives to every container."""
        facts = self._facts
        base = self.metadata.removesuffix("/")
        uri = f"{base}{endpoint.METADATA}/{endpoint.runtime_id(facts, name)}"
        found = {
            "AWS_DEFAULT_REGION": facts.region,
            "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE",
            "AWS_REGION": facts.region,
            "ECS_CONTAINER_METADATA_URI_V4": uri,
        }
        if facts.role:
            # On AWS it is AWS_CONTAINER_CREDENTIALS_RELATIVE_URI, at 169.254.170.2.
            found["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = f"{base}{endpoint.CREDENTIALS}"
            found["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = self._secret
        return found

    def _changed(self, each: Contained) -> None:
        found = each.seen
        if found.status == "RUNNING":
            self.say(f"{found.name}: started as {found.pid}")
        else:
            self.say(f"{found.name}: {found.reason or f'exit {found.exit_code}'}")
            if not self._account.stopping:
                self._ended(each)
            else:
                self._stop_next()
        self._note()

    def _checked(self, each: Contained, text: str) -> None:
        self.say(f"{each.of.name}: {text}")
        self._note()

    def _ended(self, each: Contained) -> None:
        if each.may_restart(time.time()):
            self._start(each)
        elif each.seen.started_at is None:
            self._stop(each.seen.reason, "TaskFailedToStart")
        elif each.of.essential:
            self._stop(_EXITED, "EssentialContainerExited")

    def _stop(self, why: str, code: str, within_seconds: float = _DAY_SECONDS) -> None:
        """Stop all containers; what is left after `within_seconds` is killed."""
        self.loop.call_in(within_seconds, self._kill)
        if not self._account.stopping:
            self.say(f"stopping: {why}" if why else "stopping, as it was told")
            self._account = seen.Account((), stopping=True, why=why, code=code)
            self._note()
        self._stop_next()

    def _stop_next(self) -> None:
        """Stop what may be: a container goes before those that it was started after."""
        left = [each for each in self._containers.values() if not each.stopped]
        held = {name for each in left for name in each.of.after}
        for each in left:
            if each.of.name not in held:
                each.stop()
        if not left:
            self.loop.stop()

    def _kill(self) -> None:
        for each in self._containers.values():
            each.kill()

    def _note(self) -> None:
        """Say how the containers are. What cannot be written is said in the task's log."""
        known = self._account
        found = tuple(each.seen for each in self._containers.values())
        try:
            seen.write(self._root, seen.Account(found, known.stopping, known.why, known.code))
        except OSError as error:
            self.say(str(error))

    def _signalled(self, number: int) -> None:
        if number != signal.SIGCHLD:
            self._stop("", "", _STOP_SECONDS)
            return
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            # It may be an orphan, which is nobody's.
            any(each.exited(pid, status) for each in self._containers.values())

    # -- what it is asked -----------------------------------------------------------------------

    def _now(self) -> Facts:
        try:
            self._facts = read(self._root)
        except BadTask as error:
            self.say(str(error))
        return self._facts

    def _answer(self, request: Request) -> Response:
        known = {name: each.seen for name, each in self._containers.items()}
        return endpoint.respond(request, self._now(), known, self._secret, time.time())

    def _asked(self, request: dict[str, Any], reply: Reply) -> None:
        if request.get("verb") != "shutdown":
            raise BadRequest(f"verb: expected shutdown, found {request.get('verb')!r:.80}")
        within = seconds(request, "within_seconds", _STOP_SECONDS, _DAY_SECONDS)
        reply({"ok": True})
        self._stop("", "", within)
