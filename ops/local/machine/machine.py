"""A machine: its units, its scripts, its metadata service and its control socket, in one loop."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from ops.local.machine import control, environment, logs, metadata_server
from ops.local.machine.credentials import issued
from ops.local.machine.furnish import furnish
from ops.local.machine.host import Told
from ops.local.machine.instance import BadInstance, Instance, read
from ops.local.machine.loop import Loop
from ops.local.machine.requests import SHUTDOWN_SECONDS, Requests
from ops.local.machine.runs import Runs
from ops.local.machine.service import Service
from ops.local.machine.spawn import Program, spawn
from ops.local.machine.states import State
from ops.local.machine.substitute import substitute
from ops.local.machine.unit_files import WANTS, sources
from ops.local.machine.unit_text import UnitError
from ops.local.machine.unit_words import environment_file
from ops.local.machine.units import Unit, name, unit

#: cloud-init runs user data at an instance's first start alone; this marks that it did.
_BOOTED: Final = "booted"


class Machine:
    """One instance's machine, in the folder that is its `/`. Raises BadInstance, OSError."""

    def __init__(self, root: Path, address: str, boot_seconds: float) -> None:
        self.loop = Loop()
        self.stopping = False
        self._root = root
        self._units: dict[str, Service] = {}
        self._user_data: dict[str, Any] = {"state": "waiting"}
        self._instance = read(root)
        # A start finds nothing in memory: /run is a tmpfs.
        shutil.rmtree(root / "run", ignore_errors=True)
        furnish(root)
        self._log = self._open("machine")
        logs.bound(self.loop, root / "log")
        self._runs = Runs(self.loop, root / "scripts")
        self.metadata = metadata_server.serve(
            self.loop, address, lambda: issued(self._now(), time.time())
        )
        self._env = environment.base(root, self._instance, self.metadata)
        control.serve(self.loop, root, Requests(self).answer)
        self.loop.on_signal(self._signalled)
        self.loop.call_in(boot_seconds, self._boot)

    def _now(self) -> Instance:
        """Return the instance as it is now or, where that cannot be read, as it was last."""
        try:
            self._instance = read(self._root)
        except BadInstance as error:
            self.say(str(error))
        return self._instance

    # -- as a unit's host -----------------------------------------------------------------------

    def say(self, text: str) -> None:
        """Write a line into the machine's own log."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        os.write(self._log, f"{stamp} {text}\n".encode())

    def load(self, called: str) -> Unit:
        """Return a unit as its files are now. Raises UnitError."""
        known = name(called)
        letters = environment.specifiers(self._root, self._instance)
        return unit(known, sources(known, self._root), letters)

    def launch(self, of: Unit, extra: Mapping[str, str]) -> int:
        """Start a unit's main process. Raises UnitError, OSError."""
        env = {**self._env, **dict(of.environment)}
        for path in of.environment_files:
            env |= _file(path)
        for variable, below in of.folders:
            folder = self._root / below
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            env[variable] = ":".join(filter(None, (env.get(variable), str(folder))))
        env |= extra
        own = ("SYSTEMD_EXEC_PID", *(["WATCHDOG_PID"] if "WATCHDOG_USEC" in extra else []))
        words = of.exec_start.filled(env)
        folder_ = of.working_directory or str(self._root)
        log = self._open(of.name)
        try:
            return spawn(Program(words, env, folder_, log, log, of.umask, own))
        finally:
            os.close(log)

    def discard(self, of: Unit) -> None:
        """Remove a unit's runtime folder unless it keeps it."""
        for variable, below in of.folders:
            if variable == "RUNTIME_DIRECTORY" and not of.keeps_runtime_folder:
                shutil.rmtree(self._root / below, ignore_errors=True)

    def _open(self, called: str) -> int:
        path = self._root / "log" / f"{called}.log"
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    # -- its life -------------------------------------------------------------------------------

    def _boot(self) -> None:
        if self.stopping:
            return
        booted = self._root / _BOOTED
        if booted.exists():
            self._user_data = {"state": "done"}
            self._start_enabled()
            return
        booted.touch()
        script = substitute(self._now().user_data, self._root)
        if not script.startswith("#!"):
            self._user_data = {"state": "none"}
            if script:
                self.say("user data: expected a script that begins with #!, found none: not run")
            return
        self._user_data = {"state": "running"}

        def ended(found: dict[str, Any]) -> None:
            self._user_data = {"state": "done", "exit": found["exit"]}
            self.say(f"user data: exit {found['exit']}")

        self._runs.start(script, self._env, ended, log=self._open("user-data"))

    def _start_enabled(self) -> None:
        """Start what is to be started at each start of the machine but the first."""
        for called in sorted(path.name for path in (self._root / WANTS).glob("*.service")):
            try:
                self.start(self.service(called), lambda _: None)
            except UnitError as error:
                self.say(str(error))

    def _signalled(self, number: int) -> None:
        if number == signal.SIGCHLD:
            self._reap()
        else:
            self.shut_down(SHUTDOWN_SECONDS)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if not self._runs.exited(pid, status):
                # It may be an orphan, which is nobody's.
                any(service.exited(pid, status) for service in self._units.values())

    def shut_down(self, within_seconds: float) -> None:
        """Stop the units as systemd would; what is left after `within_seconds` is killed."""
        self.loop.call_in(within_seconds, self.loop.stop)
        if not self.stopping:
            self.stopping = True
            self.say(f"shutting down within {within_seconds:g} s")
            self._stop_units()

    def _stop_units(self) -> None:
        """Stop what may be stopped: a unit goes before those it was to be started after."""
        left = [each for each in self._units.values() if not each.at_rest]
        if not left:
            self.loop.stop()
        held = {after for each in left if each.unit is not None for after in each.unit.after}
        for service in left:
            if service.name not in held and not service.leaves:
                service.leaves = True
                service.stop(lambda _: self._stop_units())

    # -- what it is asked -----------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        """Return how it stands, and each of its units."""
        booting = self._user_data["state"] == "waiting"
        return {
            "state": "stopping" if self.stopping else "booting" if booting else "running",
            "pid": os.getpid(),
            "metadata": self.metadata,
            "user_data": self._user_data,
            "units": {called: service.describe() for called, service in self._units.items()},
        }

    def run_script(
        self, script: str, ended: Callable[[dict[str, Any]], None], timeout_seconds: float
    ) -> None:
        """Run a script as Systems Manager's agent does. Raises TooMany, OSError."""
        env = {
            **self._env,
            "AWS_SSM_INSTANCE_ID": self._instance.instance_id,
            "AWS_SSM_REGION_NAME": self._instance.region,
        }
        script = substitute(script, self._root)
        self._runs.start(script, env, ended, timeout_seconds=timeout_seconds)

    def start(self, service: Service, told: Told) -> None:
        """Start a unit, once what it comes after and is being started has been."""
        try:
            after = self.load(service.name).after
        except UnitError:  # which its start tells
            after = frozenset()
        for other in self._units.values():
            if other.name in after and other.state is State.START:
                other.once_started(lambda: self.start(service, told))
                return
        if self.stopping:
            told(f"{service.name}: the machine is shutting down")
        else:
            service.start(told)

    def service(self, called: str) -> Service:
        """Return a unit by its name. Raises UnitError where there is none of that name."""
        known = name(called)
        if known.whole not in self._units:
            sources(known, self._root)
            self._units[known.whole] = Service(known.whole, self)
        return self._units[known.whole]


def _file(path: str) -> dict[str, str]:
    try:
        return environment_file(Path(path.removeprefix("-")).read_text())
    except OSError as error:
        if path.startswith("-"):
            return {}
        raise UnitError(f"{path}: expected a file of variables, found {error}") from None
