"""Copies to the dead-letter queue: what fits, counted as SQS counts it."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.sqs.message import attributes_size_bytes, check_attributes
from worker.outcomes import Reason
from worker.sqs import lease as leases
from worker.sqs.client import Failed, ReceivedMessage
from worker.sqs.deadletter import ATTRIBUTE, LIMIT_BYTES, Copier
from worker.sqs.ledger import Held

MIB = 1024 * 1024


class Sends:
    """The one call a copier makes, noting what it was given; ``fails`` are indices that fail."""

    def __init__(self, fails: set[int] | None = None) -> None:
        self.batches: list[list[dict[str, Any]]] = []
        self._fails = fails or set()

    def send(self, url: str, entries: list[dict[str, Any]]) -> list[Failed]:
        assert url == "dlq"
        self.batches.append(list(entries))
        return [
            {"Id": str(i), "Code": "InternalError", "SenderFault": False}
            for i in sorted(self._fails)
            if i < len(entries)
        ]


def _held(body: str, attributes: dict[str, Any] | None = None, message_id: str = "m") -> Held:
    message: ReceivedMessage = {
        "MessageId": message_id,
        "ReceiptHandle": "h",
        "Body": body,
        "Attributes": {},
        "MessageAttributes": attributes or {},
    }
    lease = leases.opened("h", 0.0, 60)
    return Held(1, message, lease, {}, "mail.send", "id-1", 3, 1_700_000_000.5)


def _copier(sends: Any) -> Copier:
    return Copier(sends, "mail", lambda: "dlq")


def _attributes_size(attributes: dict[str, Any]) -> int:
    """As the strict SQS counts it, which the conformance tests hold to AWS's; it takes base64."""
    return attributes_size_bytes(
        {
            name: {k: b64encode(v).decode() if k == "BinaryValue" else v for k, v in value.items()}
            for name, value in attributes.items()
        }
    )


def _size(entry: dict[str, Any]) -> int:
    return len(entry["MessageBody"].encode()) + _attributes_size(entry["MessageAttributes"])


def _copied(held: Held, reason: Reason | None) -> dict[str, Any]:
    """The attributes of one message's copy."""
    sends = Sends()
    _copier(sends).copy([(held, reason)])
    ((entry,),) = sends.batches
    attributes: dict[str, Any] = entry["MessageAttributes"]
    return attributes


names = st.from_regex(r"[a-zA-Z][a-zA-Z0-9_-]{0,20}", fullmatch=True).filter(
    lambda name: not name.lower().startswith(("aws", "amazon"))
)
texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Cn")), min_size=1)
values = st.one_of(
    st.builds(lambda text: {"DataType": "String", "StringValue": text}, texts),
    st.builds(
        lambda number: {"DataType": "Number.int", "StringValue": str(number)}, st.integers(0, 9)
    ),
    st.builds(
        lambda size: {"DataType": "String", "StringValue": "v" * size}, st.integers(1, 300_000)
    ),
    st.builds(
        lambda data: {"DataType": "Binary", "BinaryValue": data}, st.binary(min_size=1, max_size=9)
    ),
)
#: Bodies of every size up to what SQS takes, with the sizes near the limit well represented.
sizes = st.integers(1, 2000) | st.integers(MIB - 1500, MIB) | st.integers(100_000, 400_000)


messages = st.tuples(
    sizes, st.dictionaries(names, values, max_size=10), texts, st.text(max_size=1200)
).filter(lambda message: message[0] + _attributes_size(message[1]) <= MIB)  # as it was received


@settings(deadline=None, max_examples=80, phases=set(Phase) - {Phase.explain})
@given(received=st.lists(messages, min_size=1, max_size=4), times=st.integers(1, 4))
def test_every_batch_and_every_message_is_one_sqs_takes(
    received: list[tuple[int, dict[str, Any], str, str]], times: int
) -> None:
    helds = [
        (_held("b" * size, attributes, str(i)), Reason(kind, text))
        for i, (size, attributes, kind, text) in enumerate(received * times)
    ]
    sends = Sends()
    copied = _copier(sends).copy(helds)
    assert copied.error is None
    assert copied.arrived == [held for held, _ in helds]
    for batch in sends.batches:
        assert 1 <= len(batch) <= 10
        assert sum(map(_size, batch)) <= LIMIT_BYTES == MIB
    entries = [entry for batch in sends.batches for entry in batch]
    for entry, (held, _) in zip(entries, helds, strict=True):
        assert entry["MessageBody"] == held.message["Body"]
        assert len(entry["MessageAttributes"]) <= 10
        check_attributes(entry["MessageAttributes"])


@settings(deadline=None, max_examples=80, phases=set(Phase) - {Phase.explain})
@given(received=messages)
def test_the_reason_is_there_whenever_it_fits(
    received: tuple[int, dict[str, Any], str, str],
) -> None:
    """Whole and with the message's attributes, else whole, else its class alone, else not."""
    size, attributes, kind, text = received
    found = _copied(_held("b" * size, attributes), Reason(kind, text))
    whole = _copied(_held("b"), Reason(kind, text))
    carried = dict(list(attributes.items())[:9])
    wanted = [
        {**carried, **whole},
        whole,
        {ATTRIBUTE: {"DataType": "String", "StringValue": json.dumps({"class": kind})}},
        {},
    ]
    sized = [size + _attributes_size(one) for one in wanted]
    first = next(one for one, total in zip(wanted, sized, strict=True) if total <= MIB)
    assert list(found) == list(first)
    reason = json.loads(found[ATTRIBUTE]["StringValue"]) if found else {}
    expected = json.loads(first[ATTRIBUTE]["StringValue"]) if first else {}
    assert {**reason, "time": ""} == {**expected, "time": ""}


def test_the_reason_names_class_message_node_time_and_the_message_it_is_about() -> None:
    found = _copied(_held("body"), Reason("ValueError", "no such user"))
    said = json.loads(found[ATTRIBUTE]["StringValue"])
    assert said.pop("node")
    assert said.pop("time").endswith("+00:00")
    assert said == {
        "class": "ValueError",
        "message": "no such user",
        "queue": "mail",
        "task": "mail.send",
        "id": "id-1",
        "receives": 3,
        "sent": 1_700_000_000.5,
        "message_id": "m",
    }


def test_the_messages_own_attributes_come_along_but_an_older_reason_does_not() -> None:
    attributes = {
        "tenant": {"DataType": "String", "StringValue": "acme"},
        "blob": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
        ATTRIBUTE: {"DataType": "String", "StringValue": "{}"},
    }
    found = _copied(_held("body", attributes), None)
    assert json.loads(found.pop(ATTRIBUTE)["StringValue"])["class"] == "Unknown"
    assert found == {name: attributes[name] for name in ("tenant", "blob")}


def test_ten_attributes_make_room_for_the_reason() -> None:
    attributes = {f"a{i}": {"DataType": "String", "StringValue": "v"} for i in range(10)}
    found = _copied(_held("body", attributes), Reason("E", "text"))
    assert len(found) == 10
    assert ATTRIBUTE in found


def test_a_body_of_the_full_size_goes_without_a_reason() -> None:
    assert _copied(_held("b" * MIB), Reason("E", "text")) == {}


def test_a_body_that_leaves_little_room_goes_with_the_reasons_class() -> None:
    found = _copied(_held("b" * (MIB - 100)), Reason("E", "text"))
    assert json.loads(found[ATTRIBUTE]["StringValue"]) == {"class": "E"}


def test_what_did_not_arrive_is_not_called_copied() -> None:
    helds = [(_held("body", message_id=str(i)), None) for i in range(4)]
    copied = _copier(Sends(fails={1, 3})).copy(helds)
    assert [held.message_id for held in copied.arrived] == ["0", "2"]
    assert copied.refused == []
    assert "InternalError for 2 of 4" in str(copied.error)


def test_an_error_of_a_later_batch_keeps_what_had_arrived() -> None:
    class Breaks(Sends):
        def send(self, url: str, entries: list[dict[str, Any]]) -> list[Failed]:
            if self.batches:
                raise ConnectionError("gone")
            return super().send(url, entries)

    helds = [(_held("b" * 700_000, message_id=str(i)), None) for i in range(3)]
    copied = _copier(Breaks()).copy(helds)
    assert [held.message_id for held in copied.arrived] == ["0"]
    assert copied.refused == []
    assert isinstance(copied.error, ConnectionError)
