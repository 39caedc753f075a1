"""A bulk's messages: those of ``apply_async``, whichever way they are made."""

from __future__ import annotations

import base64
import datetime
import json
import uuid
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import pytest
from celery import Celery, Task, _state, signals
from celery.app import task as celery_task

from tests.publisher import make_app
from worker.publish import Call
from worker.publish.message import Maker, Prepared
from worker.publish.target import target
from worker.publish.template import Template, is_plain

NOW = datetime.datetime(2026, 11, 21, 4, 5, 6, 789, tzinfo=datetime.UTC)
OPTIONS: dict[str, dict[str, Any]] = {
    "none": {},
    "countdown": {"countdown": 90},
    "a long countdown": {"countdown": 4000},
    "eta": {"eta": NOW},
    "expires in seconds": {"expires": 3600},
    "expires at a time": {"expires": NOW + datetime.timedelta(days=3650)},
    "limits": {"time_limit": 30, "soft_time_limit": 2.5},
    "retries": {"retries": 3},
    "shadow": {"shadow": "other.name"},
    "priority": {"priority": 7},
    "headers": {"headers": {"tenant": "acme", "n": [1, {}]}},
    "compression": {"compression": "zlib"},
    "no result": {"ignore_result": True},
    "queue": {"queue": "other"},
    "group": {"group_id": "g", "group_index": 4},
    "parents": {"root_id": "r", "parent_id": "p"},
    "an SQS delay": {"DelaySeconds": 30},
    "a message group": {"MessageGroupId": "tenant"},
    "attributes": {"message_attributes": {"a": {"DataType": "String", "StringValue": "b"}}},
    "reply_to": {"reply_to": "there"},
}

CALLS = [
    Call((1, "a")),
    Call([2], {"b": 'it\'s "quoted"'}),
    Call((), {"a": 1, "b": NOW}),
    Call((Decimal("1.50"), uuid.UUID(int=7)), {}, "an-id-of-its-own"),
    Call(("x" * 3000,), {}),
    Call(("grüße \N{PILE OF POO}",), {}),
]


@pytest.fixture
def app() -> Celery:
    return make_app()


@pytest.fixture
def broker(app: Celery) -> Iterator[Any]:
    with app.connection_for_write() as connection:
        yield connection.transport


def as_sent(prepared: Prepared) -> dict[str, Any]:
    """What SQS would have, decoded, without what differs from message to message."""
    entry = dict(prepared.outgoing.entry)
    envelope = json.loads(base64.b64decode(entry.pop("MessageBody")))
    headers, properties = envelope["headers"], envelope["properties"]
    assert properties.pop("delivery_tag")
    assert headers.pop("id") == properties.pop("correlation_id") == prepared.task_id
    if headers["root_id"] == prepared.task_id:
        headers["root_id"] = "itself"
    for key in ("eta", "expires"):
        if headers[key] is not None:
            headers[key] = headers[key][:17]  # to the minute; a moment passes between the two
    for attribute in entry.get("MessageAttributes", {}).values():
        attribute["StringValue"] = attribute["StringValue"][:9]
    if "compression" not in headers:
        envelope["body"] = json.loads(base64.b64decode(envelope["body"]))
    return {
        "queue": prepared.outgoing.queue,
        "entry": entry,
        "envelope": envelope,
        "order": [list(envelope), list(headers), list(properties)],
    }


def both(app: Celery, broker: Any, what: Any, options: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return what ``apply_async`` makes of every call, and what the template makes."""
    called = target(what, app)
    maker = Maker(called, options, broker)
    made = [maker.make(call) for call in CALLS]
    template = Template(called, options, maker.producer, made[0])
    return [as_sent(m) for m in made], [as_sent(template.make(call)) for call in CALLS]


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("name", ["mail.send", "mail.limited"])
def test_the_template_makes_what_apply_async_makes(
    app: Celery, broker: Any, name: str, options: dict[str, Any]
) -> None:
    task = app.tasks[name]
    called = target(task, None)
    first = Maker(called, options, broker).make(CALLS[0])
    if not is_plain(called, options, first):
        assert options.keys() & {"compression", "expires"}
        return
    theirs, ours = both(app, broker, task, options)
    assert ours == theirs


@pytest.mark.parametrize("immutable", [False, True])
def test_of_a_signature_too(app: Celery, broker: Any, immutable: bool) -> None:
    task = app.tasks["mail.any"]
    signature = task.signature(
        (8,), {"c": "given"}, countdown=90, link=task.si(9), immutable=immutable
    )
    signature.stamp(tenant="acme")
    theirs, ours = both(app, broker, signature, {"priority": 3})
    assert ours == theirs
    args, kwargs, _ = theirs[0]["envelope"]["body"]
    assert (args, kwargs) == (([8] if immutable else [1, "a", 8]), {"c": "given"})


def test_of_a_name_too(app: Celery, broker: Any) -> None:
    theirs, ours = both(app, broker, "mail.elsewhere", {"countdown": 5})
    assert ours == theirs
    assert theirs[0]["queue"] == "acme-mail"


def test_of_a_task_that_publishes(app: Celery, broker: Any) -> None:
    running = app.tasks["mail.any"]
    running.push_request(id="parent", root_id="root", called_directly=False)
    _state._task_stack.push(running)
    try:
        theirs, ours = both(app, broker, app.tasks["mail.send"], {})
    finally:
        _state._task_stack.pop()
        running.pop_request()
    assert ours == theirs
    assert {
        (m["envelope"]["headers"]["root_id"], m["envelope"]["headers"]["parent_id"]) for m in ours
    } == {("root", "parent")}
    assert running.request.children in (None, [])


def test_a_long_wait_is_in_the_delay_queue(app: Celery, broker: Any) -> None:
    maker = Maker(target("mail.x", app), {"countdown": 4000}, broker)
    assert maker.make(Call()).outgoing.queue == "acme-delayed"


# -- when the template may be used ---------------------------------------------------------------


def plain(app: Celery, broker: Any, **options: Any) -> bool:
    called = target(app.tasks["mail.send"], None)
    return is_plain(called, options, Maker(called, options, broker).make(Call((1,))))


def test_a_plain_application_is_plain(app: Celery, broker: Any) -> None:
    assert plain(app, broker)
    assert plain(app, broker, expires=60, countdown=4)
    assert not plain(app, broker, expires=NOW + datetime.timedelta(days=3650))
    assert not plain(app, broker, compression="zlib")


def test_a_receiver_is_asked_for_every_message(app: Celery, broker: Any) -> None:
    def trace(headers: dict[str, Any], **_: Any) -> None:
        headers["trace"] = str(uuid.uuid4())

    signals.before_task_publish.connect(trace)
    try:
        assert not plain(app, broker)
    finally:
        signals.before_task_publish.disconnect(trace)
    assert plain(app, broker)


def test_a_router_of_the_applications_own_is_asked_for_every_message(
    app: Celery, broker: Any
) -> None:
    def route(*_: Any, **__: Any) -> dict[str, str]:
        return {"queue": "mail"}

    app.conf.task_routes = (route,)
    app.amqp.flush_routes()
    assert not plain(app, broker)


def test_what_a_tracing_library_puts_in_celerys_place_is_called(
    app: Celery, broker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = celery_task.Task.apply_async

    def traced(self: Task, *args: Any, **kwargs: Any) -> Any:
        return original(self, *args, **kwargs)

    monkeypatch.setattr(celery_task.Task, "apply_async", traced)
    assert not plain(app, broker)


def test_a_task_class_with_a_way_of_its_own_is_asked(app: Celery, broker: Any) -> None:
    class Named(Task):
        def shadow_name(self, args: Any, kwargs: Any, options: Any) -> str:
            return f"mail to {args[0]}"

    def send(a: Any) -> None:
        """Take one argument."""

    task = app.task(name="mail.named", base=Named, shared=False)(send)
    called = target(task, None)
    made = Maker(called, {}, broker).make(Call((1,)))
    assert made.headers["shadow"] == "mail to 1"
    assert not is_plain(called, {}, made)


# -- what cannot be called -----------------------------------------------------------------------


def test_what_cannot_be_called_in_bulk_is_said(app: Celery) -> None:
    task = app.tasks["mail.send"]
    frozen = task.s(1)
    frozen.freeze()
    for what, said in (
        (task.s(1) | task.s(2), "found a chain"),
        (frozen, "found a frozen one"),
        (7, "found a int"),
        ("mail.send", "give app="),
    ):
        with pytest.raises(TypeError, match=said):
            target(what, None)


def test_arguments_are_checked_as_by_apply_async(app: Celery, broker: Any) -> None:
    called = target(app.tasks["mail.send"], None)
    maker = Maker(called, {}, broker)
    template = Template(called, {}, maker.producer, maker.make(Call((1,))))
    for make in (maker.make, template.make):
        with pytest.raises(TypeError, match="missing 1 required positional argument"):
            make(Call())
