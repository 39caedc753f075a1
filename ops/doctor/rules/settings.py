"""What the settings say: the broker, and what a stock worker makes of SQS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ops.doctor.finding import Bite
from ops.doctor.rules.words import INSTALL, INSTALL_SETS, some
from ops.doctor.snapshot import Snapshot

_POOLS: Final = ("prefork", "threads", "solo")
_SERIALIZERS: Final = ("task_serializer", "result_serializer", "event_serializer")
_JSON: Final = frozenset({"json", "application/json"})

#: Transport options of stock kombu, and what says the same in the manifest.
_OPTIONS: Final = {
    "backoff_policy": "a failed task waits where its retry says",
    "backoff_tasks": "a failed task waits where its retry says",
    "client-config": "set AWS_MAX_ATTEMPTS and the like for botocore, if at all",
    "endpoint_url": "set AWS_ENDPOINT_URL_SQS",
    "fetch_message_attributes": "tasks have what the worker asks for in self.request.delivery_info",
    "is_secure": "set AWS_ENDPOINT_URL_SQS",
    "polling_interval": "set the queue's poll",
    "port": "set AWS_ENDPOINT_URL_SQS",
    "predefined_queues": "name the queues in [queues.*]; ops queues apply makes them",
    "queue_name_prefix": "the fleet's name is the prefix",
    "queue_tags": "ops queues apply tags the queues",
    "region": "set the manifest's region",
    "sqs-creation-attributes": "set the queue's keys; ops queues apply writes them",
    "sts_role_arn": "set a profile with role_arn, or the machine's role",
    "visibility_timeout": "set the queue's lease, which is renewed while a task runs",
    "wait_time_seconds": "set the queue's poll",
}


def stock_broker(snapshot: Snapshot) -> Iterator[Bite]:
    """Kombu's own transport."""
    if snapshot.application.fleet is None and snapshot.application.broker == "sqs":
        yield Bite(
            "broker_url",
            "kombu's own sqs:// ends the worker when SQS answers 5xx, falls silent for good with "
            "a silent connection, and never extends a message's visibility",
            INSTALL,
        )


def broker_elsewhere(snapshot: Snapshot) -> Iterator[Bite]:
    """A broker that is not SQS, or not through the fleet."""
    application = snapshot.application
    if application.fleet is not None and not application.through_fleet:
        yield Bite(
            "broker_url",
            f"the manifest is installed, but messages go to {application.broker}://",
            "remove CELERY_BROKER_URL (and its READ and WRITE) from the environment, and what "
            "sets broker_url after install(app)",
        )
    if application.fleet is None and application.broker != "sqs":
        yield Bite(
            "broker_url",
            f"the broker is {application.broker}://: what waits there stays there",
            f"{INSTALL} in the producers first, and keep the old workers until the old broker is "
            "empty (docs/howto/adopt.md)",
        )


def broker_keys(snapshot: Snapshot) -> Iterator[Bite]:
    """Keys in the broker's URL."""
    if snapshot.application.broker_has_keys:
        yield Bite(
            "broker_url",
            "it holds an access key or a password, which logs and error reports show",
            "remove it, revoke the key, and use the machine's role, AWS_PROFILE or the environment",
        )


def transport_options(snapshot: Snapshot) -> Iterator[Bite]:
    """Options of kombu's transport that the fleet does not read."""
    application = snapshot.application
    if application.fleet is not None or application.broker != "sqs":
        return
    for key in sorted(application.options):
        yield Bite(
            f"broker_transport_options.{key}",
            "the fleet's transport does not read it",
            f"remove it: {_OPTIONS.get(key, 'the manifest has all there is to set')}",
        )


def content(snapshot: Snapshot) -> Iterator[Bite]:
    """Messages that are not JSON."""
    for name in _SERIALIZERS:
        value = snapshot.application.setting(name)
        if value not in (None, *_JSON):
            yield Bite(
                name,
                f"{value} is refused by the fleet's workers; whoever can send to the queue can "
                "have pickled content run",
                f"{INSTALL_SETS} to json, and pass arguments that JSON can carry",
            )
    for name in ("accept_content", "result_accept_content"):
        others = [c for c in snapshot.application.setting(name) or () if c not in _JSON]
        if others:
            yield Bite(
                name,
                f"accepts {some(others)}: whoever can send to the queue can have pickled content "
                "run",
                f"{INSTALL_SETS} to json" if name == "accept_content" else 'set it to ["json"]',
            )


def acks_early(snapshot: Snapshot) -> Iterator[Bite]:
    """Messages deleted before their task has run."""
    if not snapshot.application.setting("task_acks_late"):
        yield Bite(
            "task_acks_late",
            "a message is deleted when its task starts: a worker that dies loses it",
            f"{INSTALL_SETS} (tasks then run twice where a worker dies: see worker.once)",
        )


def worker_lost(snapshot: Snapshot) -> Iterator[Bite]:
    """Tasks deleted with the child that ran them."""
    if not snapshot.application.setting("task_reject_on_worker_lost"):
        yield Bite(
            "task_reject_on_worker_lost",
            "a task whose child process is killed (out of memory) is deleted",
            INSTALL_SETS,
        )


def failures(snapshot: Snapshot) -> Iterator[Bite]:
    """Failed tasks that leave no trace."""
    application = snapshot.application
    if application.fleet is not None:
        return
    if application.setting("task_acks_on_failure_or_timeout"):
        what = "a task that fails or runs too long is deleted, with nothing to bring it back from"
    else:
        what = "a task that fails is received again and again until its dead-letter queue has it"
    yield Bite(
        "task_acks_on_failure_or_timeout",
        what,
        f'{INSTALL}; the queue\'s on_failure = "dead_letter" keeps it with the reason',
    )


def prefetch(snapshot: Snapshot) -> Iterator[Bite]:
    """Messages that wait behind a running task."""
    application = snapshot.application
    multiplier = application.setting("worker_prefetch_multiplier")
    if multiplier in (None, 1):
        return
    yield Bite(
        "worker_prefetch_multiplier",
        f"{multiplier}: messages taken ahead wait hidden in one worker while others are free, and "
        "run twice when they wait past their visibility timeout",
        f'{INSTALL_SETS} to 1; prefetch = "auto" looks ahead where tasks are short',
    )


def remote_control(snapshot: Snapshot) -> Iterator[Bite]:
    """Workers that listen for broadcasts."""
    if snapshot.application.setting("worker_enable_remote_control"):
        yield Bite(
            "worker_enable_remote_control",
            "SQS has no broadcast: inspect and control answer nothing, and each call leaves a "
            "*-celery-pidbox queue in the account",
            f"{INSTALL_SETS} to false; ops node status, pause, resume and drain ask a worker",
        )


def events(snapshot: Snapshot) -> Iterator[Bite]:
    """Events that nobody can receive."""
    for name in ("worker_send_task_events", "task_send_sent_event"):
        if snapshot.application.setting(name):
            yield Bite(
                name,
                "SQS has no broadcast: events reach no monitor (nor do gossip and mingle run), "
                "and monitors leave celeryev-* queues behind",
                f"{INSTALL_SETS} to false; each worker shows its metrics over HTTP",
            )


def create_missing(snapshot: Snapshot) -> Iterator[Bite]:
    """Queues that a mistyped name makes."""
    if snapshot.application.setting("task_create_missing_queues"):
        yield Bite(
            "task_create_missing_queues",
            "a mistyped queue is created in the account, without a dead-letter queue or a worker",
            f"{INSTALL_SETS} to false; ops queues apply makes the manifest's queues",
        )


def result_backend(snapshot: Snapshot) -> Iterator[Bite]:
    """Result backends that need queues of their own."""
    backend = snapshot.application.result_backend
    if backend in ("rpc", "amqp"):
        yield Bite(
            "result_backend",
            f"{backend}:// makes a reply queue for each client, which stays in the account, and "
            "results do not arrive",
            "remove it, or keep results in [results] of the manifest (dynamodb or s3)",
        )


def eager(snapshot: Snapshot) -> Iterator[Bite]:
    """Tasks that are never sent."""
    if snapshot.application.setting("task_always_eager"):
        yield Bite(
            "task_always_eager",
            "tasks run where they are called, and nothing is ever sent to SQS",
            "set it in the tests' settings only",
        )


def protocol(snapshot: Snapshot) -> Iterator[Bite]:
    """Messages of an old form."""
    if snapshot.application.setting("task_protocol") == 1:
        yield Bite(
            "task_protocol",
            "the fleet's workers read protocol 2: other messages are dead letters",
            "remove it",
        )


def pool(snapshot: Snapshot) -> Iterator[Bite]:
    """Pools that the fleet has no use for."""
    value = snapshot.application.setting("worker_pool")
    if value is not None and value not in _POOLS:
        yield Bite(
            "worker_pool",
            f"{value}: a fleet's worker runs prefork, threads or solo",
            'remove it; pool = "threads" with a concurrency of up to 1000 suits tasks that wait',
        )


def hidden_modules(snapshot: Snapshot) -> Iterator[Bite]:
    """Modules of the application that hide the fleet's."""
    for name, file in snapshot.application.taken.items():
        yield Bite(
            file,
            f"it hides this project's package {name} from a worker that is started here",
            "rename it, or start workers from another folder",
        )
