"""The programs that the demo runs beside the nodes, with one environment and a log each."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from media.demo.stopping import Stop
from ops.errors import OpsError
from ops.local.process import Child, start, start_server

_SECONDS = 300.0  # for a program that takes some, on a machine that is busy


@dataclass
class Programs:
    """Starts Python modules as processes in `folder`, with `env`; logs go to `folder`/logs."""

    folder: Path
    env: dict[str, str]
    stop: Stop

    @contextmanager
    def running(self, name: str, *arguments: str) -> Iterator[Child]:
        """Run `python -m ARGUMENTS` and kill it at the end, should it still run. Raises OSError."""
        child = start(
            name, self._python(arguments), env=self.env, cwd=self.folder, log=self._log(name)
        )
        try:
            yield child
        finally:
            child.end()

    def run(self, name: str, *arguments: str) -> None:
        """Run `python -m ARGUMENTS` to its end. Raises OpsError if it fails, Stopped, OSError."""
        with self.running(name, *arguments) as child:
            self.wait(child)

    def wait(self, child: Child) -> None:
        """Wait for a program's end. Raises OpsError where it fails, Stopped."""
        self.stop.wait_until(lambda: not child.running(), child.name, _SECONDS)
        succeeded(child)

    @contextmanager
    def mail_server(self) -> Iterator[str]:
        """Run a mail server that keeps what it is sent in `folder`/mails, and yield its port."""
        mails = str(self.folder / "mails")
        child, address = start_server(
            "mail server",
            self._python(("media.smtp_sink", "--port", "0", "--out", mails)),
            env=self.env,
            cwd=self.folder,
            log=self._log("mail"),
            on_wait=self.stop.check,
        )
        try:
            yield address.rpartition(":")[2]
        finally:
            child.end()

    def _log(self, name: str) -> Path:
        return self.folder / "logs" / f"{name}.log"

    @staticmethod
    def _python(arguments: tuple[str, ...]) -> list[str]:
        return [sys.executable, "-m", *arguments]


def succeeded(child: Child) -> None:
    """Raise OpsError if a program that has ended did not succeed."""
    status = child.process.returncode
    if status != 0:
        raise OpsError(
            f"{child.name}: expected it to succeed, it ended with status {status}: "
            f"{child.last_line()}: see {child.log}"
        )
