"""The manifest that `ops doctor` proposes: it loads, and every task keeps its queue."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any

import pytest
from celery.schedules import crontab
from cronsim import CronSim
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from ops.doctor.crons import Untranslatable, cron_of_fields, cron_of_interval
from ops.doctor.propose import built, propose
from ops.doctor.snapshot import DeclaredQueue, Entry, Module, Use
from tests.unit.test_doctor_rules import SOUND, STOCK, TASK

FIELDS = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")


def proposed(*modules: Module, region: str | None = None, **changes: Any) -> dict[str, Any]:
    text = propose(replace(STOCK, **changes), modules, region)
    built(text)
    return tomllib.loads(text)


def test_a_whole_module_is_a_glob_and_a_divided_one_is_names() -> None:
    queues = {"shop.a": "mail", "shop.b": "mail", "shop.video.cut": "video", "mail.x": "mail"}
    tasks = tuple(replace(TASK, name=n, queue=q, module="shop.tasks") for n, q in queues.items())
    found = proposed(tasks=tasks)
    assert found["queues"]["mail"]["tasks"] == ["mail.*", "shop.a", "shop.b"]
    assert found["queues"]["video"]["tasks"] == ["shop.video.*"]
    assert found["imports"] == ["shop.tasks"]


def test_limits_and_slots_are_the_applications() -> None:
    settings = {
        **SOUND,
        "worker_concurrency": 6,
        "worker_max_tasks_per_child": 50,
        "worker_max_memory_per_child": 200_000,
        "broker_transport_options": {"region": "eu-central-1"},
    }
    tasks = (
        replace(TASK, name="mail.a", time_limit_seconds=90.5),
        replace(TASK, name="mail.b", time_limit_seconds=7200),
    )
    found = proposed(tasks=tasks, settings=settings, region="us-east-1")
    assert found["region"] == "eu-central-1"
    assert found["queues"]["mail"] == {
        "tasks": ["mail.*"],
        "concurrency": 6,
        "max_tasks_per_child": 50,
        "max_memory_per_child": "200000KiB",
        "time_limit": "2h",
    }


def test_what_sqs_cannot_hide_for_so_long_is_cut_and_said() -> None:
    application = replace(STOCK, tasks=(replace(TASK, time_limit_seconds=86_400),))
    text = propose(application, (), None)
    assert built(text).queues["mail"].time_limit == timedelta(hours=11, minutes=59)
    assert "1d today, which is more than SQS can hide" in text


def test_calls_and_schedules_that_only_name_a_task_get_a_route() -> None:
    found = proposed(
        Module("a.py", (Use("send", 1, "other.go"), Use("queue", 2, "urgent")), ()),
        routes=(("other.*", "others"),),
        schedules=(Entry("tidy up!", "far.tidy", "0 3 * * *", "", (1,), {"a": [{"b": "c"}]}),),
        timezone="Europe/Berlin",
    )
    assert found["queues"]["others"]["tasks"] == ["other.*"]
    assert "urgent" in found["queues"]
    assert "far.*" in found["queues"]["mail"]["tasks"]
    assert found["schedules"] == {
        "tidy-up": {
            "cron": "0 3 * * *",
            "timezone": "Europe/Berlin",
            "task": "far.tidy",
            "args": [1],
            "kwargs": {"a": [{"b": "c"}]},
        }
    }


def test_an_entry_that_cron_cannot_say_is_a_comment() -> None:
    entry = Entry("of\nten", "mail.send", None, "runs every 5 s")
    text = propose(replace(STOCK, schedules=(entry,)), (), None)
    assert built(text).schedules == {}
    assert "# of ten (mail.send) runs every 5 s." in text


def test_an_application_without_tasks_has_a_queue_for_all() -> None:
    assert proposed(tasks=(), queues=())["queues"] == {"mail": {"tasks": ["*"]}}


ANY = st.text(max_size=90)
NAMES = st.from_regex(r"[a-c]{1,2}(\.[a-c*?\[]{1,2}){0,3}", fullmatch=True)


@settings(deadline=None, max_examples=200, phases=set(Phase) - {Phase.explain})
@given(
    main=ANY,
    routed=st.dictionaries(
        NAMES, st.sampled_from(["celery", "a b", "a_b", "a-b", "x.fifo", "dlq"])
    ),
    queues=st.lists(ANY.filter(bool), max_size=4),
    entry=ANY,
    text=ANY,
)
def test_whatever_the_names_are_it_loads_and_tasks_keep_together(
    main: str, routed: dict[str, str], queues: list[str], entry: str, text: str
) -> None:
    application = replace(
        STOCK,
        name=main,
        tasks=tuple(replace(TASK, name=n, queue=q) for n, q in routed.items()),
        queues=tuple(DeclaredQueue(name, "direct") for name in queues),
        schedules=(Entry(entry, "a.b", "0 0 * * *", "", (text,), {text: text}),),
    )
    fleet = built(propose(application, (), None))
    exact = {name: fleet.route(name) for name in routed}
    assert None not in exact.values()
    for (one, before), (other, beside) in combinations(routed.items(), 2):
        assert (exact[one] == exact[other]) == (before == beside)
    assert next(iter(fleet.schedules.values())).args == (text,)


@settings(deadline=None)
@given(
    st.fixed_dictionaries(
        {
            "minute": st.sets(st.integers(0, 59), min_size=1),
            "hour": st.sets(st.integers(0, 23), min_size=1),
            "day_of_month": st.just(set(range(1, 32))) | st.sets(st.integers(1, 28), min_size=1),
            "month_of_year": st.sets(st.integers(1, 12), min_size=1),
            "day_of_week": st.just(set(range(7))),
        }
    )
)
def test_the_fields_of_a_crontab_are_those_of_the_cron(fields: dict[str, set[int]]) -> None:
    cron = cron_of_fields(**fields)
    # On a clock that never changes: what a zone skips is sent a little later.
    moment = next(CronSim(cron, datetime(2026, 11, 21, tzinfo=UTC)))
    assert moment.minute in fields["minute"]
    assert moment.hour in fields["hour"]
    assert moment.day in fields["day_of_month"]
    assert moment.month in fields["month_of_year"]
    again = crontab(**dict(zip(FIELDS, _celerys(cron), strict=True)))
    assert {name: getattr(again, name) for name in FIELDS} == fields


def _celerys(cron: str) -> list[str]:
    """Cron's fields: minute, hour, day of month, month, day of week, as Celery reads them too."""
    return cron.split()


@pytest.mark.parametrize(
    ("given_", "cron"),
    [
        (crontab(), "* * * * *"),
        (crontab(minute="*/15", hour="8-18"), "*/15 8-18 * * *"),
        (crontab(minute=30, hour=6, day_of_week="mon-fri"), "30 6 * * 1-5"),
        (crontab(minute=0, hour=0, day_of_week="fri-mon"), "0 0 * * 0,1,5,6"),
        (crontab(minute=0, hour=0, day_of_month="1,15"), "0 0 1,15 * *"),
        (crontab(minute=0, hour=0, month_of_year="*/3"), "0 0 * */3 *"),
    ],
    ids=str,
)
def test_a_crontab_as_people_write_it(given_: crontab, cron: str) -> None:
    assert cron_of_fields(**{name: getattr(given_, name) for name in FIELDS}) == cron


def test_days_of_both_kinds_are_not_what_cron_means() -> None:
    both = crontab(minute=0, hour=0, day_of_month="13", day_of_week="fri")
    with pytest.raises(Untranslatable, match="cron where either does"):
        cron_of_fields(**{name: getattr(both, name) for name in FIELDS})


@pytest.mark.parametrize(
    ("seconds", "cron"),
    [
        (60, "* * * * *"),
        (300, "*/5 * * * *"),
        (3600, "0 * * * *"),
        (7200, "0 */2 * * *"),
        (86_400, "0 0 * * *"),
        (604_800, "0 0 * * 0"),
    ],
)
def test_an_interval_on_the_clock(seconds: float, cron: str) -> None:
    assert cron_of_interval(seconds) == cron


@pytest.mark.parametrize("seconds", [0, 0.5, 30, 90, 420, 5400, 18_000, 172_800])
def test_an_interval_that_the_clock_does_not_hold(seconds: float) -> None:
    with pytest.raises(Untranslatable):
        cron_of_interval(seconds)
