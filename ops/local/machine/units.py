"""A unit as a machine runs it, read from its files. Pure."""

from __future__ import annotations

import math
import re
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from ops.local.machine.exits import RESTARTS
from ops.local.machine.spans import seconds
from ops.local.machine.unit_text import Source, UnitError, assignments, specified
from ops.local.machine.unit_words import Command, command, environment

_Value = TypeVar("_Value")

TYPES: Final = ("simple", "exec", "notify")
KILL_MODES: Final = ("mixed", "control-group")
#: Folders that a unit is given, by the variable that tells it of them: "RuntimeDirectory=" and
#: the like in systemd.exec(5).
FOLDERS: Final = {
    "RuntimeDirectory": ("RUNTIME_DIRECTORY", "run"),
    "StateDirectory": ("STATE_DIRECTORY", "var/lib"),
    "CacheDirectory": ("CACHE_DIRECTORY", "var/cache"),
    "LogsDirectory": ("LOGS_DIRECTORY", "var/log"),
}
_OTHER_KINDS: Final = (".mount", ".path", ".scope", ".slice", ".socket", ".target", ".timer")
_NAME = re.compile(r"[A-Za-z0-9:_.\\-]+(?:@[A-Za-z0-9:_.\\-]+)?\.service")


@dataclass(frozen=True, slots=True)
class Name:
    """A unit's name, taken apart: `fleet-worker@r1.service`."""

    whole: str
    prefix: str  # fleet-worker
    instance: str  # r1, or nothing

    @property
    def template(self) -> str | None:
        """The file of all instances, `fleet-worker@.service`; None of what is no instance."""
        return f"{self.prefix}@.service" if "@" in self.whole else None


def name(text: str) -> Name:
    """Return a unit's name, `.service` added where it is left out. Raises UnitError."""
    whole = text if text.endswith(".service") else f"{text}.service"
    if not _NAME.fullmatch(whole) or len(whole) > 255 or text.endswith(_OTHER_KINDS):
        raise UnitError(f"expected the name of a service, found {text[:100]!r}")
    prefix, _, instance = whole.removesuffix(".service").partition("@")
    return Name(whole, prefix, instance)


@dataclass(frozen=True, slots=True)
class Unit:
    """What a service is; times are seconds, `math.inf` where they have no end."""

    name: str
    type: str
    exec_start: Command
    notify_access: str = "main"
    exec_stop: tuple[Command, ...] = ()
    description: str = ""
    after: frozenset[str] = frozenset()
    environment: tuple[tuple[str, str], ...] = ()
    environment_files: tuple[str, ...] = ()
    working_directory: str | None = None
    umask: int = 0o022
    restart: str = "no"
    restart_seconds: float = 0.1
    restart_prevented_by: frozenset[int] = frozenset()  # exit statuses, signals as negative numbers
    clean_statuses: frozenset[int] = frozenset()
    start_limit_seconds: float = 10.0
    start_limit_burst: int = 5
    watchdog_seconds: float = math.inf
    start_seconds: float = 90.0
    stop_seconds: float = 90.0
    abort_seconds: float = 90.0
    kill_mode: str = "control-group"
    kill_signal: int = signal.SIGTERM
    folders: tuple[tuple[str, str], ...] = ()  # the variable, and the folder below the root
    keeps_runtime_folder: bool = False


def unit(called: Name, sources: Sequence[Source], specifiers: Mapping[str, str]) -> Unit:
    """Return the unit of a file and its drop-ins, paths in their texts already substituted.

    `specifiers` are those beside %i, %I, %n, %N, %p and %%. Raises UnitError.
    """
    letters = {
        "i": called.instance,
        "I": called.instance.replace("-", "/"),
        "n": called.whole,
        "N": called.whole.removesuffix(".service"),
        "p": called.prefix,
        "%": "%",
        **specifiers,
    }
    return _Reader(called.whole, assignments(sources), letters).unit()


class _Reader:
    def __init__(
        self, called: str, found: Mapping[str, list[str]], letters: Mapping[str, str]
    ) -> None:
        self._called = called
        self._found = found
        self._letters = letters

    def _all(self, key: str, read: Callable[[str], _Value]) -> list[_Value]:
        try:
            return [read(specified(value, self._letters)) for value in self._found.get(key, ())]
        except ValueError as error:
            raise UnitError(f"{self._called}: {key}: {error}") from None

    def _last(self, key: str, read: Callable[[str], _Value], default: _Value) -> _Value:
        values = self._all(key, read)
        return values[-1] if values else default

    def _chosen(self, key: str, of: Sequence[str], default: str) -> str:
        value = self._last(key, str, default)
        if value not in of:
            raise UnitError(
                f"{self._called}: {key}: expected {', '.join(of)} (what a machine of the local AWS "
                f"knows), found {value}"
            )
        return value

    def _span(self, key: str, default: float) -> float:
        # "0" is no limit: systemd.service(5), of TimeoutStopSec and WatchdogSec alike.
        return self._last(key, seconds, default) or math.inf

    def _words(self, key: str) -> list[str]:
        return [word for value in self._all(key, str) for word in value.split()]

    def _statuses(self, key: str) -> frozenset[int]:
        try:
            return frozenset(_status(word) for word in self._words(key))
        except ValueError as error:
            raise UnitError(f"{self._called}: {key}: {error}") from None

    def unit(self) -> Unit:
        starts = self._all("ExecStart", command)
        if len(starts) != 1:
            raise UnitError(f"{self._called}: ExecStart: expected one, found {len(starts)}")
        both = self._span("TimeoutSec", 90.0)
        stop = self._span("TimeoutStopSec", both)
        return Unit(
            name=self._called,
            type=self._chosen("Type", TYPES, "simple"),
            exec_start=starts[0],
            notify_access=self._chosen("NotifyAccess", ("none", "main", "all"), "main"),
            exec_stop=tuple(self._all("ExecStop", command)),
            description=self._last("Description", str, ""),
            after=frozenset(self._words("After")),
            environment=tuple(
                pair for found in self._all("Environment", environment) for pair in found.items()
            ),
            environment_files=tuple(self._all("EnvironmentFile", str)),
            working_directory=self._last("WorkingDirectory", str, None),
            umask=self._last("UMask", lambda text: int(text, 8), 0o022),
            restart=self._chosen("Restart", tuple(RESTARTS), "no"),
            restart_seconds=self._last("RestartSec", seconds, 0.1),
            restart_prevented_by=self._statuses("RestartPreventExitStatus"),
            clean_statuses=self._statuses("SuccessExitStatus"),
            start_limit_seconds=self._last("StartLimitIntervalSec", seconds, 10.0),
            start_limit_burst=self._last("StartLimitBurst", int, 5),
            watchdog_seconds=self._span("WatchdogSec", math.inf),
            start_seconds=self._span("TimeoutStartSec", both),
            stop_seconds=stop,
            abort_seconds=self._span("TimeoutAbortSec", stop),
            kill_mode=self._chosen("KillMode", KILL_MODES, "control-group"),
            kill_signal=-self._last("KillSignal", _status, -signal.SIGTERM),
            folders=self._folders(),
            keeps_runtime_folder=self._chosen("RuntimeDirectoryPreserve", ("no", "yes"), "no")
            == "yes",
        )

    def _folders(self) -> tuple[tuple[str, str], ...]:
        found = []
        for key, (variable, below) in FOLDERS.items():
            for word in self._words(key):
                if word.startswith("/") or ".." in word.split("/"):
                    raise UnitError(
                        f"{self._called}: {key}: expected a relative path, found {word}"
                    )
                found.append((variable, f"{below}/{word}"))
        return tuple(found)


def _status(word: str) -> int:
    """Return an exit status, or a signal as a negative number."""
    if word.isdigit() and int(word) < 256:
        return int(word)
    try:
        return -signal.Signals[word]
    except KeyError:
        raise ValueError(f"expected 0 to 255 or a signal's name, found {word!r}") from None
