"""Each rule of `ops doctor` on a snapshot with its fault, and on a sound one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ops.doctor.finding import Severity
from ops.doctor.reference import doctor_reference
from ops.doctor.rules.table import RULES, judge
from ops.doctor.snapshot import (
    Account,
    Application,
    DeclaredQueue,
    Entry,
    Module,
    QueueInAccount,
    Snapshot,
    StoreInAccount,
    Task,
    Use,
)
from worker.fleet import Fleet

ROOT = Path(__file__).parents[2]

FLEET = Fleet.model_validate(
    {
        "name": "shop",
        "queues": {"mail": {"tasks": ["mail.*"]}, "rest": {"tasks": ["shop.*"]}},
        "schedules": {"nightly": {"cron": "0 3 * * *", "task": "shop.tidy"}},
    }
)
SOUND: Mapping[str, Any] = {
    "accept_content": ["json"],
    "result_accept_content": None,
    "event_serializer": "json",
    "result_serializer": "json",
    "task_serializer": "json",
    "task_acks_late": True,
    "task_acks_on_failure_or_timeout": True,
    "task_reject_on_worker_lost": True,
    "task_default_queue": "mail",
    "task_create_missing_queues": False,
    "task_protocol": 2,
    "worker_prefetch_multiplier": 1,
    "worker_enable_remote_control": False,
    "worker_send_task_events": False,
    "worker_pool": "prefork",
    "beat_scheduler": "celery.beat:PersistentScheduler",
    "broker_transport_options": {},
}
TASK = Task(
    name="mail.send",
    function="send",
    place="mail.py:3",
    module="mail",
    queue="mail",
    acks_late=True,
    reject_on_worker_lost=True,
    serializer="json",
    time_limit_seconds=60,
    soft_time_limit_seconds=None,
    rate_limit=None,
    priority=None,
    retries_seconds=None,
    retry_delay_seconds=180,
)
ON_FLEET = Application(
    name="shop",
    settings=SOUND,
    broker="fleet-sqs",
    broker_has_keys=False,
    result_backend=None,
    tasks=(TASK,),
    queues=(DeclaredQueue("mail", "direct"), DeclaredQueue("rest", "direct")),
    routes=(),
    opaque_routes=0,
    schedules=(),
    taken={},
    roots=("/app",),
    task_files=("/app/mail.py",),
    fleet=FLEET,
    through_fleet=True,
)
STOCK = replace(
    ON_FLEET,
    broker="sqs",
    fleet=None,
    through_fleet=False,
    queues=(DeclaredQueue("mail", "direct"),),
)


def task(app: Application = ON_FLEET, **changes: Any) -> Snapshot:
    return Snapshot(replace(app, tasks=(replace(TASK, **changes),)))


def setting(app: Application = ON_FLEET, **changes: Any) -> Snapshot:
    return Snapshot(replace(app, settings={**SOUND, **changes}))


def app(base: Application = ON_FLEET, **changes: Any) -> Snapshot:
    return Snapshot(replace(base, **changes))


def uses(
    *found: Use, base: Application = ON_FLEET, reach: bool = False, **changes: Any
) -> Snapshot:
    modules = (Module("views.py", found, (), tasks_reach=reach),)
    return Snapshot(replace(base, **changes), modules)


def stored(name: str, differs: str | None, asked_for: bool = False) -> StoreInAccount:
    return StoreInAccount(name, "table", "results", asked_for, differs)


def account(base: Application = ON_FLEET, **changes: Any) -> Snapshot:
    return Snapshot(base, account=Account(**changes))


#: The rule, the fault, where it is found, and a word of its remedy.
FAULTS = [
    ("stock-broker", Snapshot(STOCK), "broker_url", "install(app)"),
    ("other-broker", app(STOCK, broker="redis"), "broker_url", "adopt.md"),
    ("other-broker", app(through_fleet=False, broker="amqp"), "broker_url", "CELERY_BROKER_URL"),
    ("broker-keys", app(broker_has_keys=True), "broker_url", "role"),
    ("hidden-module", app(taken={"worker": "worker.py"}), "worker.py", "rename"),
    ("visibility", task(STOCK, time_limit_seconds=1801), "mail.py:3", "lease"),
    (
        "visibility",
        task(STOCK, time_limit_seconds=None),
        "broker_transport_options.visibility_timeout",
        "lease",
    ),
    (
        "visibility",
        replace(account(STOCK, queues={"mail": QueueInAccount(True, 30)})),
        "mail.py:3",
        "lease",
    ),
    ("too-long", task(time_limit_seconds=43_141, queue="mail"), "mail.py:3", "split"),
    ("too-long", task(STOCK, time_limit_seconds=43_201), "mail.py:3", "split"),
    ("no-time-limit", task(STOCK, time_limit_seconds=None), "task_time_limit", "time_limit"),
    ("acks-early", setting(task_acks_late=False), "task_acks_late", "install(app)"),
    (
        "worker-lost",
        setting(task_reject_on_worker_lost=None),
        "task_reject_on_worker_lost",
        "install(app)",
    ),
    ("task-acks", task(acks_late=False), "mail.py:3", "remove acks_late"),
    ("task-acks", task(reject_on_worker_lost=False), "mail.py:3", "remove reject_on_worker_lost"),
    ("failures", Snapshot(STOCK), "task_acks_on_failure_or_timeout", "dead_letter"),
    ("content", setting(task_serializer="pickle"), "task_serializer", "json"),
    ("content", setting(accept_content=["json", "pickle"]), "accept_content", "json"),
    ("content", setting(result_accept_content=["yaml"]), "result_accept_content", '["json"]'),
    ("task-content", task(serializer="yaml"), "mail.py:3", "JSON"),
    ("call-content", uses(Use("serializer", 7, "pickle")), "views.py:7", "JSON"),
    ("protocol", setting(task_protocol=1), "task_protocol", "remove"),
    ("pool", setting(worker_pool="gevent"), "worker_pool", "threads"),
    ("eager", setting(task_always_eager=True), "task_always_eager", "tests"),
    ("prefetch", setting(worker_prefetch_multiplier=4), "worker_prefetch_multiplier", "prefetch"),
    ("countdown", uses(Use("countdown", 2, "countdown", 900), base=STOCK), "views.py:2", "install"),
    ("countdown", uses(Use("eta", 2, "eta"), base=STOCK), "views.py:2", "DelaySeconds"),
    ("countdown", uses(Use("retry", 2), base=STOCK), "views.py:2", "DelaySeconds"),
    ("long-countdown", uses(Use("eta", 2, "eta", 901), base=STOCK), "views.py:2", "delay queue"),
    ("retries", task(STOCK, retries_seconds=600.0), "mail.py:3", "waits in SQS"),
    (
        "control-setting",
        setting(worker_enable_remote_control=True),
        "worker_enable_remote_control",
        "ops node",
    ),
    ("control", uses(Use("control", 5, "control.inspect")), "views.py:5", "ops node"),
    ("control", uses(Use("control", 5, "control.revoke")), "views.py:5", "database"),
    (
        "events-setting",
        setting(worker_send_task_events=True),
        "worker_send_task_events",
        "metrics",
    ),
    ("events", uses(Use("events", 5, "Receiver")), "views.py:5", "metrics"),
    ("result-backend", app(result_backend="rpc"), "result_backend", "[results]"),
    ("chord", uses(Use("chord", 5, "chord(...)")), "views.py:5", "[results]"),
    ("chord", uses(Use("chord", 5, "chord(...)"), result_backend="s3"), "views.py:5", "unlock"),
    ("wait", uses(Use("wait", 5, "get")), "views.py:5", "[results]"),
    ("builtin-task", uses(Use("builtin", 5, "send.chunks")), "views.py:5", "celery.chunks"),
    ("unrouted", task(name="lost.task", queue=None), "mail.py:3", '["lost.task"]'),
    ("unknown-queue", uses(Use("queue", 5, "urgent")), "views.py:5", "mail, rest"),
    ("unknown-queue", uses(Use("send", 5, "lost.task")), "views.py:5", '["lost.task"]'),
    ("rate-limit", task(rate_limit="10/m"), "mail.py:3", "concurrency"),
    ("priority", task(priority=0), "mail.py:3", "queue of their own"),
    ("priority", setting(task_queue_max_priority=9), "task_queue_max_priority", "queue of their"),
    (
        "priority",
        app(queues=(DeclaredQueue("mail", "direct", 9),)),
        "task_queues: mail",
        "queue of their own",
    ),
    ("call-priority", uses(Use("priority", 5)), "views.py:5", "queue of their own"),
    (
        "subprocess",
        uses(Use("subprocess", 5, "subprocess.run"), reach=True),
        "views.py:5",
        "worker.children.run",
    ),
    ("sqs-message", uses(Use("sqs_message", 5, "sqs_message")), "views.py:5", "receive_count"),
    (
        "several-queues",
        app(STOCK, queues=(DeclaredQueue("a", "direct"), DeclaredQueue("b", "direct"))),
        "task_queues",
        "-Q QUEUE",
    ),
    (
        "create-missing",
        setting(task_create_missing_queues=True),
        "task_create_missing_queues",
        "ops queues apply",
    ),
    ("fifo", app(queues=(DeclaredQueue("a.fifo", "direct"),)), "task_queues: a.fifo", "standard"),
    ("exchange", app(queues=(DeclaredQueue("a", "fanout"),)), "task_queues: a", "each queue"),
    (
        "transport-option",
        setting(STOCK, broker_transport_options={"polling_interval": None}),
        "broker_transport_options.polling_interval",
        "poll",
    ),
    (
        "beat",
        app(schedules=(Entry("tidy", "shop.tidy", "0 4 * * *", ""),)),
        "beat_schedule: tidy",
        'cron = "0 4 * * *"',
    ),
    (
        "beat",
        app(schedules=(Entry("tidy", "shop.tidy", "0 3 * * *", ""),)),
        "beat_schedule: tidy",
        "stop beat",
    ),
    (
        "beat",
        app(schedules=(Entry("often", "shop.tidy", None, "runs every 5 s"),)),
        "beat_schedule: often",
        "keep one beat",
    ),
    (
        "beat",
        setting(beat_scheduler="django_celery_beat.schedulers:DatabaseScheduler"),
        "beat_scheduler",
        "[schedules.*]",
    ),
    (
        "no-dead-letters",
        account(queues={"shop-mail": QueueInAccount(False, 30)}),
        "shop-mail",
        "ops queues apply",
    ),
    ("missing-queue", account(queues={"shop-mail": None}), "shop-mail", "ops queues apply"),
    ("missing-queue", account(queues={"shop-delayed": None}), "shop-delayed", "ops queues apply"),
    (
        "missing-store",
        account(stores=(stored("shop-once", None),)),
        "shop-once",
        "ops stores apply --yes",
    ),
    (
        "store-differs",
        account(stores=(stored("shop-once", "TTL"),)),
        "shop-once",
        "ops stores apply",
    ),
    ("leftover", account(replies=("a-celery-pidbox",)), "a-celery-pidbox", "delete-queue"),
    ("leftover", account(events=("celeryev-a", "celeryev-b")), "2 queues", "delete-queue"),
]


@pytest.mark.parametrize(
    ("rule", "snapshot", "place", "remedy"),
    FAULTS,
    ids=[f"{rule} {place}" for rule, _, place, _ in FAULTS],
)
def test_a_fault_is_found_with_its_remedy(
    rule: str, snapshot: Snapshot, place: str, remedy: str
) -> None:
    [found] = [f for f in judge(snapshot) if f.rule == rule]
    assert found.place == place
    assert remedy in found.remedy
    assert "\n" not in found.what + found.remedy


def test_every_rule_has_a_fault_above() -> None:
    assert {rule.id for rule in RULES} == {rule for rule, *_ in FAULTS}


def test_a_sound_application_on_the_fleet_has_nothing() -> None:
    sound = Snapshot(
        ON_FLEET,
        (
            Module(
                "views.py",
                (
                    Use("countdown", 1, "countdown", 60),
                    Use("eta", 2, "eta"),
                    Use("retry", 3),
                    Use("queue", 4, "mail"),
                    Use("send", 5, "shop.tidy"),
                    Use("subprocess", 6, "subprocess.run"),
                    Use("builtin", 7, "frame.map"),
                    Use("serializer", 8, "json"),
                ),
                (),
            ),
        ),
        Account({"shop-mail": QueueInAccount(True, 60), "shop-rest": QueueInAccount(True, 60)}),
    )
    assert judge(sound) == []


def test_a_sound_stock_application_has_only_what_stock_sqs_has() -> None:
    assert {finding.rule for finding in judge(Snapshot(STOCK))} == {"stock-broker", "failures"}


def test_a_long_countdown_on_the_fleet_is_a_note() -> None:
    [found] = judge(uses(Use("countdown", 2, "countdown", 7200)))
    assert (found.rule, found.severity) == ("long-countdown", Severity.NOTE)
    assert "shop-delayed" in found.what


def test_a_chord_is_watched_where_its_backend_cannot_count() -> None:
    counts = uses(Use("chord", 5, "chord(...)"), result_backend="dynamodb")
    assert judge(counts) == []


def test_what_the_manifest_asks_for_is_missed_more() -> None:
    missing = (stored("shop-once", None), stored("shop-results", None, asked_for=True))
    found = judge(account(stores=(*missing, stored("shop-waiting", ""))))
    assert [(each.place, each.severity.word) for each in found if "store" in each.rule] == [
        ("shop-results", "error"),
        ("shop-once", "warning"),
    ]


def test_the_delay_queue_has_no_dead_letter_queue_and_is_right() -> None:
    found = judge(account(queues={"shop-delayed": QueueInAccount(False, 600)}))
    assert [each for each in found if each.place == "shop-delayed"] == []


def test_an_account_that_was_not_looked_at_says_nothing_of_its_queues() -> None:
    rules = {"no-dead-letters", "missing-queue", "missing-store", "store-differs", "leftover"}
    assert not rules & {finding.rule for finding in judge(Snapshot(STOCK))}


def test_the_worst_comes_first() -> None:
    found = judge(setting(STOCK, task_acks_late=False, worker_prefetch_multiplier=4))
    severities = [finding.severity for finding in found]
    assert severities == sorted(severities, reverse=True)
    assert severities[0] is Severity.ERROR


def test_the_reference_page_is_the_tables() -> None:
    page = ROOT / "docs/reference/doctor.md"
    assert page.read_text() == doctor_reference(), "ops doctor --rules > docs/reference/doctor.md"


def test_ids_are_unique() -> None:
    ids = [rule.id for rule in RULES]
    assert len(ids) == len(set(ids))
