"""What is known of an application and its account: all that the rules judge by. Plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from worker.fleet import Fleet

#: kombu's, where `visibility_timeout` is not set (kombu.transport.SQS, default_visibility_timeout).
STOCK_VISIBILITY_SECONDS: Final = 1800

UseKind = Literal[
    "builtin",
    "chord",
    "control",
    "countdown",
    "eta",
    "events",
    "priority",
    "queue",
    "retry",
    "send",
    "serializer",
    "sqs_message",
    "subprocess",
    "wait",
]


@dataclass(frozen=True, slots=True)
class Task:
    """A task of the application, with what Celery takes its options for."""

    name: str
    function: str
    """The name of its function: what code calls it by."""
    place: str
    """`file:line`, the file relative to the application's folder where it lies below it."""
    module: str
    queue: str | None
    """The queue that the application's routes send it to; None where they refuse it."""
    acks_late: bool
    reject_on_worker_lost: bool
    serializer: str | None
    time_limit_seconds: float | None
    """Its own, or the application's for all."""
    soft_time_limit_seconds: float | None
    rate_limit: str | None
    priority: int | None
    retries_seconds: float | None
    """The longest wait of a retry of autoretry_for; None where it has none."""
    retry_delay_seconds: float
    """What `self.retry()` waits where the call does not say."""


@dataclass(frozen=True, slots=True)
class DeclaredQueue:
    """A queue of `task_queues`, or one that kombu would make for a route."""

    name: str
    exchange_type: str
    max_priority: int | None = None
    declared: bool = True
    """Whether it stands in `task_queues`."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of beat's schedule. `cron` is five fields; None where `problem` says why not."""

    name: str
    task: str
    cron: str | None
    problem: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    queue: str | None = None
    left_out: tuple[str, ...] = ()
    """Options of the entry that a schedule of the manifest cannot carry."""


@dataclass(frozen=True, slots=True)
class Application:
    """A Celery application as it was loaded. No secret of it is in here."""

    name: str
    """Its `main`, or the name of its folder."""
    settings: Mapping[str, Any]
    """Settings by Celery's lower-case names; what is no plain data is its repr."""
    broker: str
    """The scheme of the broker's URL, such as `sqs`."""
    broker_has_keys: bool
    """Whether the broker's URL holds a name or a password."""
    result_backend: str | None
    """The scheme of the result backend, such as `redis`."""
    tasks: tuple[Task, ...]
    queues: tuple[DeclaredQueue, ...]
    routes: tuple[tuple[str, str], ...]
    """Patterns of `task_routes` and their queues, in order."""
    opaque_routes: int
    """Routers that are code, and regular expressions: what no manifest can say."""
    schedules: tuple[Entry, ...]
    taken: Mapping[str, str]
    """Modules of the application that hide one of ours: the name and the file."""
    roots: tuple[str, ...]
    """Folders whose code is the application's, absolute."""
    task_files: tuple[str, ...]
    """Files that hold tasks, absolute."""
    timezone: str = "UTC"
    fleet: Fleet | None = None
    """The manifest, where the application is on the fleet."""
    through_fleet: bool = False
    """Whether its broker URL leads through the fleet's transport."""

    def setting(self, name: str) -> Any:
        """Return a setting; None where it is not set, or not known to this Celery."""
        return self.settings.get(name)

    @property
    def options(self) -> Mapping[str, Any]:
        """The broker's transport options."""
        options = self.setting("broker_transport_options")
        return options if isinstance(options, Mapping) else {}

    @property
    def default_queue(self) -> str:
        """The queue of tasks that no route names."""
        return str(self.setting("task_default_queue"))


@dataclass(frozen=True, slots=True)
class Use:
    """A place in the code. `detail` is what is named there; `seconds` a wait, where it is known."""

    kind: UseKind
    line: int
    detail: str = ""
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Module:
    """A file of the application: its uses, and the modules it imports, with dots."""

    path: str
    """Relative to the application's folder."""
    uses: tuple[Use, ...]
    imports: tuple[str, ...]
    tasks_reach: bool = False
    """Whether a task's module is this one, or imports it, directly or through others."""


@dataclass(frozen=True, slots=True)
class QueueInAccount:
    """A queue on SQS: whether it has a dead-letter queue, and its visibility timeout."""

    redrives: bool
    visibility_seconds: int


@dataclass(frozen=True, slots=True)
class StoreInAccount:
    """A table or a bucket that the fleet keeps beside its queues."""

    name: str
    kind: Literal["table", "bucket"]
    purpose: str
    """What is kept in it, such as `large arguments`."""
    asked_for: bool
    """Whether the manifest asks for it; the others each fleet has."""
    differs: str | None
    """What is otherwise than the manifest wants it, "" for nothing; None: it is not there."""


@dataclass(frozen=True, slots=True)
class Account:
    """What AWS says: queues by their names there (None: not there), and what clients left."""

    queues: Mapping[str, QueueInAccount | None] = field(default_factory=dict)
    replies: tuple[str, ...] = ()
    """Queues of remote control: `*-celery-pidbox`."""
    events: tuple[str, ...] = ()
    """Queues of monitors: `celeryev-*`."""
    stores: tuple[StoreInAccount, ...] = ()
    """Those that were looked at, of an application on the fleet."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that the rules look at."""

    application: Application
    modules: tuple[Module, ...] = ()
    account: Account | None = None
    """None where the account was not looked at."""

    def uses(self, *kinds: UseKind) -> list[tuple[str, Use]]:
        """Return the uses of these kinds with their places, `file:line`."""
        return [
            (f"{module.path}:{use.line}", use)
            for module in self.modules
            for use in module.uses
            if use.kind in kinds
        ]
