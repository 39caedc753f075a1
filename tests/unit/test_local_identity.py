"""Keys of the local AWS that say who calls."""

from __future__ import annotations

import pytest

from ops.local.identity import OPERATOR, Caller, caller_of, key_of


@pytest.mark.parametrize(
    ("role", "who"), [("node.role", "i-1"), ("r", "nightly.digest"), ("a/b %", "50%2E"), ("r", "")]
)
def test_a_key_says_whose_it_is(role: str, who: str) -> None:
    assert caller_of(key_of(role, who)) == Caller(role, who)


def test_any_other_key_is_the_operators() -> None:
    assert caller_of("AKIA").role == OPERATOR
