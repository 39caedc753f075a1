"""`once` as it is written: around functions and steps, outside a worker, wrongly."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from celery import Celery

from tests.cloud.once_table import Table, holder, new_table
from tests.faulty import Faulty
from worker.once import Busy, Unusable, once
from worker.settings import install


@pytest.fixture
def table(proxy: Faulty, monkeypatch: pytest.MonkeyPatch) -> Table:
    return new_table(proxy, monkeypatch)


@pytest.fixture
def app(table: Table) -> Iterator[Celery]:
    with Celery("shop", set_as_current=False) as app:
        install(app, table.fleet)
        app.set_current()
        yield app
        app.set_default()


@pytest.fixture
def sent() -> list[object]:
    return []


@pytest.mark.usefixtures("app")
def test_a_function_is_run_once_for_its_key(table: Table, sent: list[object]) -> None:
    @once("mail:{number}:{kind}", ttl="30d")
    def mail(number: int, kind: str = "plain") -> list[object]:
        sent.append((number, kind))
        return ["sent", number]

    assert [mail(7), mail(7, "plain"), mail(number=7), mail(8)] == [
        ["sent", 7],
        ["sent", 7],
        ["sent", 7],
        ["sent", 8],
    ]
    assert sent == [(7, "plain"), (8, "plain")]
    item = table.item("mail:7:plain")
    assert item is not None
    assert float(item["expires"]["N"]) - float(item["finished"]["N"]) == pytest.approx(
        timedelta(days=30).total_seconds(), abs=1
    )


@pytest.mark.usefixtures("app")
def test_a_step_is_run_once_for_its_key(sent: list[object]) -> None:
    def charge(amount: int) -> None:
        sent.append(amount)

    for amount in (1, 2):
        assert once("charge:first", ttl="1h").run(charge, amount) is None
        once(lambda amount: f"charge:{amount}{{}}", ttl="1h").run(charge, amount)
    assert sent == [1, 1, 2]


@pytest.mark.usefixtures("app")
def test_what_raises_has_not_happened(table: Table, sent: list[object]) -> None:
    def charge() -> str:
        sent.append(1)
        if len(sent) == 1:
            raise ConnectionError
        return "charged"

    step = once("charge", ttl="1h")
    with pytest.raises(ConnectionError):
        step.run(charge)
    assert table.item("charge") is None
    assert step.run(charge) == step.run(charge) == "charged"
    assert len(sent) == 2


@pytest.mark.usefixtures("app")
def test_outside_a_worker_a_claim_lasts_as_long_as_the_effect_may_take(table: Table) -> None:
    table.claim(holder(longest=60), "slow")
    with pytest.raises(Busy, match="once: slow: "):
        once("slow", ttl="1h", wait="0s").run(print)

    def body() -> None:
        item = table.item("own")
        assert item is not None
        lasts = float(item["until"]["N"]) - float(item["claimed"]["N"])
        assert lasts == pytest.approx(90, abs=0.01)

    once("own", ttl="1h", longest="90s").run(body)


@pytest.mark.usefixtures("app")
def test_a_key_within_itself_is_busy(sent: list[object]) -> None:
    step = once("same", ttl="1h", wait="0s")
    with pytest.raises(Busy):
        step.run(lambda: step.run(lambda: sent.append(1)))
    assert sent == []


def test_a_task_keeps_its_arguments_and_its_name(app: Celery) -> None:
    @app.task(name="t.mail")
    @once("mail:{number}", ttl="1h")
    def mail(number: int) -> None:
        """Send it."""

    assert (mail.name, mail.__doc__) == ("t.mail", "Send it.")
    assert list(inspect.signature(mail.run).parameters) == ["number"]
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        mail.delay()


@pytest.mark.usefixtures("table")
def test_an_application_without_a_manifest() -> None:
    with Celery("plain", set_as_current=False) as plain:
        plain.set_current()
        with pytest.raises(Unusable) as raised:
            once("k", ttl="1h").run(print)
    assert str(raised.value) == (
        "once: expected an application on a manifest, got plain without: use this project's "
        "celeryconfig.py, or worker.settings.install(app)"
    )


def test_wrong_use_is_said_where_it_is_written(app: Celery) -> None:
    @app.task(name="t.other")
    def other() -> None: ...

    async def later() -> None: ...

    with pytest.raises(TypeError, match=r"got the task t\.other: put @once beneath the task's own"):
        once("k", ttl="1h")(other)
    with pytest.raises(TypeError, match="got later, which is a coroutine or a generator"):
        once("k", ttl="1h")(later)
    for wrong in ({"ttl": "5s"}, {"ttl": "1h", "wait": "2h"}, {"ttl": "1h", "longest": "2d"}):
        with pytest.raises(ValueError, match=r"^once: (ttl|wait|longest): expected "):
            once("k", **wrong)
    unreadable: Any = {"ttl": 30}
    with pytest.raises(
        ValueError, match=r"^once: ttl: expected a duration with its unit, got 30: "
    ):
        once("k", **unreadable)
    key: Any = 5
    with pytest.raises(
        TypeError, match=r"^once: key: expected a text or a function of .*, got 5: "
    ):
        once(key, ttl="1h")
