"""Keys of `once`: from the arguments of a call, and what cannot be one."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import pytest

from worker.once.errors import BadKey
from worker.once.keys import Key, for_calls, for_one_call


def mail(self: object, order: dict[str, int], kind: str = "plain", *rest: int) -> None: ...


def keys_of(key: Key) -> Callable[..., str]:
    return for_calls(key, inspect.signature(mail), "mail")


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("mail", "mail"),
        ("{order[id]}:{kind}", "7:plain"),
        ("{order[id]:04d}:{kind!r}:{{}}", "0007:'plain':{}"),
        ("{rest}", "()"),
        ("ä:{kind}", "ä:plain"),
    ],
)
def test_a_template_takes_the_arguments_however_they_are_given(
    template: str, expected: str
) -> None:
    make = keys_of(template)
    assert make(None, {"id": 7}) == make(None, order={"id": 7}, kind="plain") == expected


def test_a_function_takes_the_arguments_as_they_are_given() -> None:
    make = keys_of(lambda _self, order: f"{{{order['id']}}}")
    assert make(None, {"id": 7}) == "{7}"


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{id}", "expected fields among mail's parameters (self, order, kind, rest), got id"),
        ("{}", "expected fields among mail's parameters"),
        ("{order", "once: '{order': expected a format text: expected '}' before end of string"),
    ],
)
def test_a_wrong_template_is_refused_where_it_is_written(template: str, text: str) -> None:
    with pytest.raises(BadKey) as raised:
        keys_of(template)
    assert text in str(raised.value)


def test_wrong_arguments_are_the_functions_to_refuse() -> None:
    with pytest.raises(TypeError, match="missing a required argument: 'order'"):
        keys_of("mail")(None)


def test_an_argument_that_lacks_what_the_template_names() -> None:
    with pytest.raises(BadKey, match=r"once: '{order\[no\]}': KeyError: 'no'"):
        keys_of("{order[no]}")(None, {"id": 7})


@pytest.mark.parametrize("key", ["", "x" * 2049, "ä" * 1025, "\ud800", 7, None])
def test_what_dynamodb_would_refuse(key: object) -> None:
    with pytest.raises(BadKey, match=r"^once: key: expected "):
        for_one_call(lambda: key, (), {})  # type: ignore[arg-type, return-value]


@pytest.mark.parametrize("key", ["x", "x" * 2048, "ä" * 1024])
def test_what_dynamodb_takes(key: str) -> None:
    assert for_one_call(key, (), {}) == key


@pytest.mark.parametrize("key", ["mail:{id}", "}", "{"])
def test_a_step_whose_f_was_forgotten(key: str) -> None:
    with pytest.raises(BadKey, match="expected the key itself, got a text with braces"):
        for_one_call(key, (), {})
