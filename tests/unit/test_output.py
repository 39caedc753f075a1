"""What `ops` prints of names and errors that came off the wire."""

import json
import math

import pytest

from ops.cli.output import print_json, print_table

HOSTILE = "line 1\nline 2\r\x1b[2J\x9b31m\u202e half a pair: \ud83d"


def test_a_cell_neither_breaks_its_row_nor_steers_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_table(("task", "count"), [(HOSTILE, "1"), ("schön [bold]", "2")])
    header, hostile, plain = capsys.readouterr().out.splitlines()
    assert hostile.startswith(r"line 1\nline 2\r\x1b[2J\x9b31m\u202e half a pair: \ud83d")
    assert hostile.index("1", -1) == header.index("count")
    assert plain.startswith("schön [bold]")


def test_json_carries_any_text(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"error": HOSTILE, "name": "schön"})
    said = capsys.readouterr().out
    assert json.loads(said) == {"error": HOSTILE, "name": "schön"}
    assert "schön" in said
    said.encode()


def test_json_has_no_numbers_that_json_has_not(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"result": [math.nan, {"low": -math.inf}, (math.inf, 1.5)], "n": 2})

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    said = json.loads(capsys.readouterr().out, parse_constant=refuse)
    assert said == {"result": ["NaN", {"low": "-Infinity"}, ["Infinity", 1.5]], "n": 2}
