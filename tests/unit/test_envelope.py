"""The message codec: what Celery's producers write is accepted, all else is refused politely."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from celery.worker.request import create_request_cls
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from kombu import Connection
from kombu.transport import virtual
from kombu.utils.json import loads

from tests.producers import TASK, WAYS, make_app, on_the_wire, sent
from worker.request import Request
from worker.sqs.envelope import Envelope, Undecodable, decode

REPOSITORY = Path(__file__).resolve().parents[2]
#: The ways whose messages are small enough to mutate many times.
SMALL = ("plain", "countdown", "limits", "zlib", "chain", "chord", "stamps", "headers")


@cache
def app() -> Celery:
    return make_app()


@cache
def seed(way: str) -> str:
    """The JSON of one message, as a producer wrote it."""
    return on_the_wire(sent(app(), WAYS[way])[0], base64=False)


class Acceptor:
    """What becomes of an accepted envelope: kombu's message, then Celery's request of it."""

    def __init__(self) -> None:
        self._channel = Connection("memory://").channel()
        self._task = app().tasks[TASK]
        pool = type("Pool", (), {"apply_async": staticmethod(lambda *_, **__: None)})()
        self._request = create_request_cls(Request, self._task, pool, "host", None, app=app())

    def message(self, envelope: Envelope) -> virtual.Message:
        payload = {**envelope.payload, "properties": dict(envelope.payload["properties"])}
        payload["properties"]["delivery_tag"] = 1
        return virtual.Message(payload, channel=self._channel)

    def request(self, envelope: Envelope) -> Any:
        """Do what Celery's strategy does with a message up to the pool."""
        message = self.message(envelope)
        request = self._request(
            message,
            app=app(),
            task=self._task,
            hostname="host",
            body=message.body,
            headers=message.headers,
            decoded=False,
            utc=True,
        )
        request.maybe_expire()
        str(request), repr(request), request.info(safe=True)
        assert request._context is not None
        return request


@pytest.fixture(scope="module")
def acceptor() -> Acceptor:
    return Acceptor()


@pytest.mark.parametrize("in_base64", [True, False])
@pytest.mark.parametrize("way", WAYS)
def test_what_producers_write_survives_unchanged(
    way: str, in_base64: bool, acceptor: Acceptor
) -> None:
    messages = sent(app(), WAYS[way])
    assert messages
    for written in messages:
        envelope = decode(on_the_wire(written, base64=in_base64))
        assert (envelope.task, envelope.task_id) == (TASK, written["headers"]["id"])
        ours = acceptor.message(envelope)
        # What kombu itself makes of the same bytes.
        stock = virtual.Message(
            loads(on_the_wire(written, base64=False)), channel=acceptor._channel
        )
        assert ours.payload == stock.payload
        stock.headers.pop("compression", None)
        assert ours.headers == stock.headers
        for key in ("correlation_id", "reply_to", "priority"):
            assert ours.properties[key] == stock.properties[key]
        assert ours.delivery_info == stock.delivery_info
        acceptor.request(envelope)


def test_a_producer_that_leaves_out_the_inner_base64_is_understood(acceptor: Acceptor) -> None:
    producer = make_app(body_encoding="utf-8")
    (written,) = sent(producer, WAYS["unicode"])
    assert written["properties"]["body_encoding"] == "utf-8"
    envelope = decode(on_the_wire(written))
    assert acceptor.message(envelope).payload[0][0] == "grüße 你好 \N{PILE OF POO} \x00"


# -- fuzz ------------------------------------------------------------------------------------

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["application/json", "utf-8", "base64", TASK, "2026-11-21", "[[], {}, {}]"])
)
typed = st.builds(
    lambda kind, value: {"__type__": kind, "__value__": value},
    st.sampled_from(["uuid", "datetime", "date", "decimal", "bytes", "base64", "x"]) | scalars,
    scalars | st.builds(dict, hex=st.just("0" * 32)),
)
anything = st.recursive(
    scalars | typed,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


def _paths(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    if isinstance(value, dict):
        for key in value:
            yield from _paths(value[key], (*path, key))
    elif isinstance(value, list):
        for index in range(len(value)):
            yield from _paths(value[index], (*path, index))


def _replaced(value: Any, path: tuple[Any, ...], new: object, drop: bool) -> None:
    for step in path[:-1]:
        value = value[step]
    if drop:
        del value[path[-1]]
    else:
        value[path[-1]] = new


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A valid envelope with a few of its values, or its task's, replaced or left out."""
    envelope = json.loads(seed(draw(st.sampled_from(SMALL))))
    inside = "compression" not in envelope["headers"] and draw(st.booleans())
    inner = json.loads(base64.b64decode(envelope["body"])) if inside else None
    changed = inner if inside else envelope
    for _ in range(draw(st.integers(1, 3))):
        paths = list(_paths(changed))
        if paths:
            _replaced(changed, draw(st.sampled_from(paths)), draw(anything), draw(st.booleans()))
    if inside:
        envelope["body"] = base64.b64encode(json.dumps(inner).encode()).decode()
    return json.dumps(envelope)


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """A valid body with a stretch of its characters cut or replaced."""
    body = on_the_wire(json.loads(seed(draw(st.sampled_from(SMALL)))), base64=draw(st.booleans()))
    start = draw(st.integers(0, len(body)))
    end = draw(st.integers(start, min(len(body), start + 20)))
    return body[:start] + draw(st.text(max_size=5)) + body[end:]


def _check(body: str, acceptor: Acceptor) -> None:
    try:
        envelope = decode(body)
    except Undecodable:
        return
    acceptor.request(envelope)


@settings(deadline=None, max_examples=300)
@given(body=st.text() | anything.map(json.dumps) | anything.map(on_the_wire))
@example(body="")
@example(body="null")
@example(body='{"properties":{}}')
@example(body="[" * 100_000)
@example(body='{"a":' * 100_000)
@example(body="1" * 5000)
@example(body='{"headers": {}, "properties": {}, "content-type": []}')
def test_anything_is_decoded_or_refused(body: str, acceptor: Acceptor) -> None:
    _check(body, acceptor)


@settings(deadline=None, max_examples=800, suppress_health_check=[HealthCheck.too_slow])
@given(body=mutated() | damaged())
def test_an_accepted_envelope_makes_a_request_of_celerys(body: str, acceptor: Acceptor) -> None:
    _check(body, acceptor)


moments = st.one_of(
    st.datetimes(timezones=st.none() | st.timezones()).map(lambda moment: moment.isoformat()),
    st.from_regex(
        r"(0001|2026|9999)(-?(01|12|W53)(-?(01|31))?)?"
        r"([T ]([01]\d|24)(:?\d\d(:?\d\d([.,]\d{1,9})?)?)?)?"
        r"(Z|[+-]\d\d(:?\d\d(:?\d\d)?)?)?",
        fullmatch=True,
    ),
    st.text(max_size=30),
)


@settings(deadline=None, max_examples=500)
@given(key=st.sampled_from(["eta", "expires"]), moment=moments)
@example(key="eta", moment="0001-01-01T00:00:00+14:00")
@example(key="expires", moment="9999-12-31T23:59:59-14:00")
@example(key="expires", moment="2026-11-21 04:05:06.123456789+00:00:30")
def test_an_accepted_time_is_one_celery_reads(key: str, moment: str, acceptor: Acceptor) -> None:
    envelope = json.loads(seed("plain"))
    envelope["headers"][key] = moment
    _check(json.dumps(envelope), acceptor)


# -- what is refused, and how it is said ---------------------------------------------------------


def _changed(place: str, value: object) -> str:
    """A producer's message with one value replaced, or left out for None."""
    envelope = json.loads(seed("plain"))
    _replaced(envelope, tuple(place.split(".")), value, drop=value is None)
    return json.dumps(envelope)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("{", "body: expected JSON"),
        ("no base64!", "body: expected JSON or base64 of JSON"),
        ("[1]", "body: expected a JSON object, found a list"),
    ],
)
def test_a_body_that_is_no_envelope_is_refused(body: str, expected: str) -> None:
    with pytest.raises(Undecodable, match=re.escape(expected)):
        decode(body)


@pytest.mark.parametrize(
    ("place", "value", "expected"),
    [
        ("headers", None, "headers: expected an object, found nothing"),
        ("headers.task", None, "headers.task: expected the task's name, found nothing"),
        ("headers.id", 7, "headers.id: expected the task's id, found a int"),
        ("headers.eta", "soon", "headers.eta: expected an ISO 8601 time, found a string of 4"),
        ("headers.timelimit", [1], "headers.timelimit: expected [hard, soft] in seconds"),
        ("headers.retries", -1, "headers.retries: expected a whole number"),
        ("headers.compression", "application/x-lzma", "headers.compression: expected applic"),
        ("properties", None, "properties: expected an object, found nothing"),
        ("properties.body_encoding", "hex", "properties.body_encoding: expected base64"),
        ("body", None, "body of the task: expected a string, found nothing"),
        ("body", "*", "body of the task: expected base64"),
        ("body", "WzFd", "body of the task: expected [args, kwargs, embed], found a list"),
        ("body", "/w==", "body of the task: expected UTF-8"),
        ("content-type", "application/x-python-serialize", "content-type: expected applic"),
    ],
)
def test_a_refusal_names_the_place_and_what_was_expected(
    place: str, value: object, expected: str
) -> None:
    with pytest.raises(Undecodable, match=re.escape(expected)):
        decode(_changed(place, value))


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("headers.eta", "hunter2"),
        ("headers.group", {"__type__": "decimal", "__value__": "hunter2"}),
        ("headers.group", {"__type__": "hunter2", "__value__": "hunter2"}),
    ],
)
def test_a_refusal_does_not_quote_what_it_found(place: str, value: object) -> None:
    with pytest.raises(Undecodable) as refused:
        decode(_changed(place, value))
    assert "hunter2" not in str(refused.value)


BOMB = """
import base64, bz2, json, resource, sys, zlib
from worker.sqs.envelope import Undecodable, decode
size, unit = int(sys.argv[2]), sys.argv[3]
compress, name = {"zlib": (zlib.compress, "application/x-gzip"),
                  "bzip2": (bz2.compress, "application/x-bz2")}[sys.argv[1]]
inner = "[[" + unit * (size // len(unit)) + "0],{},null]"
body = json.dumps({
    "body": base64.b64encode(compress(inner.encode())).decode(),
    "headers": {"task": "a", "id": "b", "compression": name},
    "properties": {"body_encoding": "base64"}, "content-type": "application/json"})
del inner
resource.setrlimit(resource.RLIMIT_AS, (700 << 20, 700 << 20))
assert len(body) < 1 << 20
try:
    decode(body)
    print("accepted")
except Undecodable as error:
    print("refused:", error)
"""


@pytest.mark.parametrize(
    ("compression", "size_bytes", "unit", "expected"),
    [
        ("zlib", 64 << 20, "0,", "refused: body of the task: expected at most"),
        ("bzip2", 20 << 20, "0,", "refused: body of the task: expected at most"),
        # Just below the limit, of the values that take most memory for their length.
        ("zlib", (16 << 20) - 100, "{},", "accepted"),
        ("zlib", (16 << 20) - 100, "[],", "accepted"),
    ],
)
def test_a_bomb_is_bounded_in_memory(
    compression: str, size_bytes: int, unit: str, expected: str
) -> None:
    """700 MiB of address space are enough for the interpreter and the worst that is accepted."""
    ran = subprocess.run(
        [sys.executable, "-c", BOMB, compression, str(size_bytes), unit],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.stdout.startswith(expected), ran.stderr[-2000:]
