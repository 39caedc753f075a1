"""Publishing in bulk to a strict SQS over HTTP: all of it arrives, and what does not is said."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from celery import Celery, group, signals
from kombu import pools
from kombu.exceptions import EncodeError

from tests.publisher import make_app
from tests.sqs import Fault, StrictSqs
from tests.sqs.callers import make_client
from tests.sqs.control import Control
from worker import publish
from worker.settings import Unrouted
from worker.sqs.transport import QueueMissing

MAIL, OTHER = "acme-mail", "acme-other"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[StrictSqs]:
    with StrictSqs() as strict:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", strict.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        client = make_client(strict.url)
        client.create_queue(QueueName=MAIL)
        client.create_queue(QueueName=OTHER)
        yield strict
    pools.reset()  # equal applications share kombu's pool, and the next server is another


@pytest.fixture
def sqs(server: StrictSqs) -> Control:
    return server.control


@pytest.fixture
def app() -> Celery:
    return make_app()


def envelopes(sqs: Control, queue: str = MAIL) -> list[dict[str, Any]]:
    """Return what lies in a queue, decoded."""
    found = []
    for message in sqs.peek(queue):
        envelope = json.loads(base64.b64decode(message.body))
        envelope["body"] = json.loads(base64.b64decode(envelope["body"]))
        found.append(envelope)
    return found


def arguments(sqs: Control, queue: str = MAIL) -> Counter[Any]:
    """Count the first argument of what lies in a queue."""
    return Counter(envelope["body"][0][0] for envelope in envelopes(sqs, queue))


# -- all of it arrives -----------------------------------------------------------------------------


def test_everything_is_in_the_queue_once(app: Celery, sqs: Control) -> None:
    report = publish.bulk(app.tasks["mail.send"], ((i, "b") for i in range(503)))
    assert report == publish.Report(sent=503, next_index=503)
    assert arguments(sqs) == Counter(range(503))
    assert sqs.calls().requests("SendMessageBatch") == 51
    assert publish.bulk(app.tasks["mail.send"], []) == publish.Report()


def test_under_faults_everything_arrives_and_a_lost_answer_repeats_under_the_same_id(
    app: Celery, sqs: Control
) -> None:
    send = ("SendMessageBatch",)
    for fault in (
        Fault("entries", actions=send, entries=3, calls=10),
        Fault("error", actions=send, code="ThrottlingException", calls=6),
        Fault("status", actions=send, status=503, calls=6),
        Fault("reset", actions=send, calls=3),
        Fault("malformed", actions=send, calls=3),
        Fault("answer_lost", actions=send, calls=3),
    ):
        sqs.add_fault(fault)
    report = publish.bulk(app.tasks["mail.send"], ((i,) for i in range(5000)))
    assert report == publish.Report(sent=5000, next_index=5000)
    found = envelopes(sqs)
    assert {envelope["body"][0][0] for envelope in found} == set(range(5000))
    assert len({envelope["headers"]["id"] for envelope in found}) == 5000
    assert 5000 < len(found) <= 5000 + 10 * 9  # the three kinds whose answer did not come


def test_batches_keep_to_the_size_of_a_request(app: Celery, sqs: Control) -> None:
    large = "x" * 200_000
    report = publish.bulk(app.tasks["mail.send"], ((i, large) for i in range(12)))
    assert report.sent == 12
    assert arguments(sqs) == Counter(range(12))


def test_items_by_name_and_with_ids_of_their_own(app: Celery, sqs: Control) -> None:
    items = [publish.Call((1,), {"b": 2}, "first"), {"a": 3}, (4,), publish.Call(task_id="last")]
    report = publish.bulk("mail.elsewhere", items, app=app, queue="other", countdown=60)
    assert report.sent == 4
    found = envelopes(sqs, OTHER)
    assert sorted((e["body"][:2] for e in found), key=str) == [
        [[1], {"b": 2}],
        [[4], {}],
        [[], {"a": 3}],
        [[], {}],
    ]
    assert {"first", "last"} < {e["headers"]["id"] for e in found}
    assert sqs.counts(OTHER).delayed == 4


# -- what is told of it ----------------------------------------------------------------------------


def test_signals_come_once_a_task_and_the_second_only_for_what_is_sent(
    app: Celery, sqs: Control
) -> None:
    before: list[str] = []
    after: list[str] = []

    def note_before(headers: dict[str, Any], **_: Any) -> None:
        before.append(headers["id"])
        headers["tenant"] = "acme"

    def note_after(sender: str, headers: dict[str, Any], routing_key: str, **_: Any) -> None:
        assert (sender, routing_key) == ("mail.send", "mail")
        after.append(headers["id"])

    signals.before_task_publish.connect(note_before, sender="mail.send")
    signals.after_task_publish.connect(note_after, sender="mail.send")
    sqs.add_fault(Fault("entries", entries=2, code="InvalidX", sender_fault=True, calls=1))
    try:
        report = publish.bulk(app.tasks["mail.send"], ((i,) for i in range(95)))
    finally:
        signals.before_task_publish.disconnect(note_before, sender="mail.send")
        signals.after_task_publish.disconnect(note_after, sender="mail.send")
    assert (report.sent, report.refused) == (93, 2)
    found = envelopes(sqs)
    assert len(set(before)) == len(before) == 95
    assert sorted(after) == sorted(e["headers"]["id"] for e in found)
    assert {e["headers"]["tenant"] for e in found} == {"acme"}


def test_results_come_in_the_order_of_the_items_and_progress_to_the_end(
    app: Celery, sqs: Control
) -> None:
    sqs.add_fault(Fault("entries", entries=5, calls=10))
    told: list[tuple[int, str]] = []
    steps: list[tuple[int, int]] = []
    publish.bulk(
        app.tasks["mail.send"],
        ((i,) for i in range(300)),
        on_sent=lambda index, result: told.append((index, result.id)),
        on_progress=lambda sent, refused: steps.append((sent, refused)),
    )
    ids = {e["body"][0][0]: e["headers"]["id"] for e in envelopes(sqs)}
    assert told == sorted(ids.items())
    assert steps == sorted(steps)
    assert steps[-1] == (300, 0)


def test_what_sqs_refuses_is_in_the_report_and_the_rest_is_sent(app: Celery, sqs: Control) -> None:
    items: list[tuple[Any, ...]] = [(i,) for i in range(30)]
    items[17] = (base64.b64encode(Random(1).randbytes(1_100_000)).decode(),)
    report = publish.bulk(app.tasks["mail.send"], items)
    assert (report.sent, report.refused, report.next_index) == (29, 1, 30)
    (refusal,) = report.refusals
    assert refusal.index == 17
    assert "mail.send: expected a message of at most 1048576 bytes" in refusal.reason


def test_eager_applications_run_it(sqs: Control) -> None:
    app = make_app(task_always_eager=True)
    results: list[Any] = []
    report = publish.bulk(
        app.tasks["mail.send"], [(1,), (2,)], on_sent=lambda _, result: results.append(result)
    )
    assert (report.sent, [result.state for result in results]) == (2, ["SUCCESS", "SUCCESS"])
    assert sqs.counts(MAIL).sent == 0


# -- when it cannot go on --------------------------------------------------------------------------


def test_an_item_that_fits_no_call_is_named_with_what_was_sent(app: Celery, sqs: Control) -> None:
    items: list[Any] = [(i,) for i in range(25)]
    items[21] = (1, 2, 3)
    with pytest.raises(TypeError, match=r"item 21: .*takes from 1 to 2 positional") as caught:
        publish.bulk(app.tasks["mail.send"], items)
    assert isinstance(caught.value, publish.WrongItem)
    assert caught.value.report == publish.Report(sent=21, next_index=21)
    assert sqs.counts(MAIL).sent == 21

    items[21] = "abc"
    with pytest.raises(TypeError, match="item 21: expected a tuple or list of arguments"):
        publish.bulk(app.tasks["mail.send"], items)
    items[21] = (object(),)
    with pytest.raises(publish.WrongItem, match="item 21: ") as encoded:
        publish.bulk(app.tasks["mail.send"], items)
    assert isinstance(encoded.value.__cause__, EncodeError)


def test_an_iterable_that_raises_leaves_a_report(app: Celery, sqs: Control) -> None:
    def rows() -> Iterator[tuple[int]]:
        for i in range(33):
            yield (i,)
        raise ValueError("row 33 is broken")

    with pytest.raises(publish.Stopped, match="row 33 is broken: 33 sent") as caught:
        publish.bulk(app.tasks["mail.send"], rows())
    assert caught.value.report == publish.Report(sent=33, next_index=33)
    assert isinstance(caught.value.__cause__, ValueError)
    assert sqs.counts(MAIL).sent == 33


def test_a_callback_that_raises_leaves_a_report(app: Celery, sqs: Control) -> None:
    def note(index: int, _: Any) -> None:
        if index == 40:
            raise RuntimeError("the ledger is full")

    with pytest.raises(publish.Stopped, match="the ledger is full") as caught:
        publish.bulk(app.tasks["mail.send"], ((i,) for i in range(100_000)), on_sent=note)
    report = caught.value.report
    assert 40 < report.sent == report.next_index == sqs.counts(MAIL).sent < 100_000


def test_where_sqs_denies_it_stops_at_once(app: Celery, sqs: Control) -> None:
    publish.bulk(app.tasks["mail.send"], [(0,)])
    sqs.add_fault(Fault("error", actions=("SendMessageBatch",), code="AccessDenied"))
    with pytest.raises(publish.Stopped, match="AccessDenied") as caught:
        publish.bulk(app.tasks["mail.send"], ((i,) for i in range(100_000)))
    report = caught.value.report
    assert report.sent == 0
    assert report.unconfirmed == tuple(range(report.next_index))
    assert report.next_index < 1000


def test_before_anything_is_sent_it_fails_as_apply_async_does(app: Celery, sqs: Control) -> None:
    with pytest.raises(Unrouted, match="found none"):
        publish.bulk("nobody.has.it", [()], app=app)
    assert sqs.counts(MAIL).sent == 0
    with pytest.raises(TypeError, match="no producer"):
        publish.bulk("mail.send", [()], app=app, task_id="one")
    elsewhere = Celery("elsewhere", broker="memory://", set_as_current=False)
    with pytest.raises(TypeError, match="expected the fleet's broker"):
        publish.bulk("mail.send", [()], app=elsewhere)


def test_a_missing_queue_is_said_with_its_remedy(
    app: Celery, sqs: Control, server: StrictSqs
) -> None:
    client = make_client(server.url)
    client.delete_queue(QueueUrl=client.get_queue_url(QueueName=OTHER)["QueueUrl"])
    with pytest.raises(QueueMissing, match="ops queues apply"):
        publish.bulk("other.task", [()], app=app)


# -- kombu's batches: groups -----------------------------------------------------------------------


def test_a_group_is_published_in_batches(app: Celery, sqs: Control) -> None:
    task = app.tasks["mail.send"]
    with publish.batching(app) as producer:
        result = group(task.s(i) for i in range(57)).apply_async(producer=producer)
        assert sqs.counts(MAIL).sent == 0
    found = envelopes(sqs)
    assert {e["headers"]["id"]: e["headers"]["group_index"] for e in found} == {
        child.id: index for index, child in enumerate(result)
    }
    assert {e["headers"]["group"] for e in found} == {result.id}
    assert sqs.calls().requests("SendMessageBatch") == 6


def test_whatever_takes_a_producer_is_in_the_batch(app: Celery, sqs: Control) -> None:
    task = app.tasks["mail.any"]
    with publish.batching(app) as producer:
        task.apply_async((1,), producer=producer)
        task.s(2).set(link=task.s(3)).apply_async(producer=producer)
        task.chunks([(i,) for i in range(100)], 10).group().apply_async(
            producer=producer, queue="mail"
        )
        assert sqs.counts(MAIL).sent == 0
    assert sqs.counts(MAIL).sent == 12
    assert sqs.calls().requests("SendMessageBatch") == 2


def test_a_batch_names_what_sqs_did_not_take(app: Celery, sqs: Control) -> None:
    task = app.tasks["mail.send"]

    def ten() -> None:
        with publish.batching(app) as producer:
            for i in range(10):
                task.apply_async((i,), producer=producer, task_id=f"id-{i}")

    sqs.add_fault(Fault("entries", entries=2, code="InvalidX", sender_fault=True, calls=1))
    with pytest.raises(publish.BatchUnsent, match=r"2 refused \(id-0, id-1\): InvalidX") as caught:
        ten()
    assert caught.value.refused == ["id-0", "id-1"]
    assert sqs.counts(MAIL).sent == 8


def test_a_block_that_raises_sends_nothing(app: Celery, sqs: Control) -> None:
    task = app.tasks["mail.send"]

    def broken() -> None:
        with publish.batching(app) as producer:
            task.apply_async((1,), producer=producer)
            raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        broken()
    assert sqs.counts(MAIL).sent == 0
    task.delay(1)  # and the pooled producer is none the worse for it
    assert sqs.counts(MAIL).sent == 1
