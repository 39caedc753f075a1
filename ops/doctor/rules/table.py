"""The table of rules, and what they say of a snapshot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from ops.doctor.finding import Bite, Finding, Severity
from ops.doctor.rules import code, queues, settings, stores, tasks
from ops.doctor.snapshot import Snapshot

_ERROR, _WARNING = Severity.ERROR, Severity.WARNING


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing to look for. `looks_for` completes the table of the reference."""

    id: str
    severity: Severity
    looks_for: str
    check: Callable[[Snapshot], Iterator[Bite]]


#: Every rule, by what it is about. The reference page is written from this table.
RULES: Final = (
    Rule("stock-broker", _ERROR, "kombu's own `sqs://`", settings.stock_broker),
    Rule(
        "other-broker",
        _WARNING,
        "a broker that is not SQS, or that leads past the fleet",
        settings.broker_elsewhere,
    ),
    Rule("broker-keys", _ERROR, "keys in the broker's URL", settings.broker_keys),
    Rule(
        "hidden-module",
        _ERROR,
        "a module of the application's that hides one of this project",
        settings.hidden_modules,
    ),
    Rule(
        "visibility",
        _ERROR,
        "tasks that may outlast their message's visibility timeout",
        tasks.visibility,
    ),
    Rule("too-long", _ERROR, "time limits beyond SQS's 12 h", tasks.too_long),
    Rule("no-time-limit", _WARNING, "tasks that nothing limits", tasks.no_time_limit),
    Rule("acks-early", _ERROR, "`task_acks_late` off", settings.acks_early),
    Rule("worker-lost", _WARNING, "`task_reject_on_worker_lost` off", settings.worker_lost),
    Rule("task-acks", _WARNING, "tasks that switch either off for themselves", tasks.acks_early),
    Rule("failures", _WARNING, "failed tasks that leave no trace", settings.failures),
    Rule("content", _ERROR, "settings for pickle, YAML and the like", settings.content),
    Rule("task-content", _ERROR, "tasks with a serializer that is not JSON", tasks.content),
    Rule("call-content", _ERROR, "calls with a serializer that is not JSON", code.content),
    Rule("protocol", _ERROR, "`task_protocol = 1`", settings.protocol),
    Rule("pool", _ERROR, "gevent, eventlet and pools of one's own", settings.pool),
    Rule("eager", _WARNING, "`task_always_eager`", settings.eager),
    Rule("prefetch", _WARNING, "messages taken ahead, hidden in one worker", settings.prefetch),
    Rule(
        "countdown",
        _WARNING,
        "countdowns, etas and retries of up to 900 s, or of unknown length",
        code.countdown,
    ),
    Rule("long-countdown", _ERROR, "waits over SQS's 900 s", code.long_countdown),
    Rule("retries", _WARNING, "the waits of `autoretry_for`", tasks.retries),
    Rule("control-setting", _WARNING, "`worker_enable_remote_control` on", settings.remote_control),
    Rule(
        "control", _WARNING, "`inspect`, `control.*` and `revoke` in the code", code.remote_control
    ),
    Rule("events-setting", _WARNING, "task events switched on", settings.events),
    Rule("events", _WARNING, "receivers of events in the code", code.events),
    Rule("result-backend", _ERROR, "`rpc://` results", settings.result_backend),
    Rule("chord", _ERROR, "chords without results, or without a queue to watch them", code.chords),
    Rule("wait", _WARNING, "callers that wait for a result nobody keeps", code.waits),
    Rule(
        "builtin-task",
        _ERROR,
        "`chunks`, `map` and `starmap` that no queue takes",
        code.builtin_tasks,
    ),
    Rule("unrouted", _ERROR, "tasks that no queue of the manifest takes", tasks.unrouted),
    Rule(
        "unknown-queue",
        _ERROR,
        "calls with a queue or a task name that the manifest does not have",
        code.unknown_queues,
    ),
    Rule("rate-limit", _WARNING, "rates that count in each worker", tasks.rate_limit),
    Rule("priority", _WARNING, "priorities of tasks and queues", tasks.priority),
    Rule("call-priority", _WARNING, "priorities of calls", code.priority),
    Rule("subprocess", _WARNING, "programs that outlive a killed worker", code.subprocesses),
    Rule("sqs-message", _WARNING, "kombu's own copy of the message", code.sqs_message),
    Rule("several-queues", _WARNING, "several queues a worker", queues.several),
    Rule("create-missing", _WARNING, "`task_create_missing_queues` on", settings.create_missing),
    Rule("fifo", _ERROR, "FIFO queues", queues.fifo),
    Rule("exchange", _ERROR, "exchanges to several queues", queues.exchanges),
    Rule(
        "transport-option",
        _WARNING,
        "`broker_transport_options` that the fleet does not read",
        settings.transport_options,
    ),
    Rule("beat", _WARNING, "schedules that need beat", queues.beat),
    Rule(
        "no-dead-letters",
        _ERROR,
        "queues in the account without a dead-letter queue",
        queues.no_dead_letters,
    ),
    Rule(
        "missing-queue",
        _ERROR,
        "queues of the manifest that the account does not have",
        queues.missing,
    ),
    Rule(
        "missing-store",
        _ERROR,
        "tables and buckets of the fleet that the account does not have; a *warning* for those "
        "that the manifest does not ask for",
        stores.missing,
    ),
    Rule(
        "store-differs",
        _WARNING,
        "tables and buckets that are otherwise than the manifest wants them",
        stores.differing,
    ),
    Rule(
        "leftover",
        _WARNING,
        "queues that inspect and monitors left in the account",
        queues.leftovers,
    ),
)


def judge(snapshot: Snapshot) -> list[Finding]:
    """Return what every rule finds, the worst first, then in the table's order."""
    found = [
        Finding(rule.id, _severity(rule, bite), bite.place, bite.what, bite.remedy)
        for rule in RULES
        for bite in rule.check(snapshot)
    ]
    return sorted(found, key=lambda finding: -finding.severity)


def _severity(rule: Rule, bite: Bite) -> Severity:
    return rule.severity if bite.severity is None else bite.severity
