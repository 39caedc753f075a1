"""Templates as they are read: CloudFormation's short forms as the long ones."""

from __future__ import annotations

import pytest
import yaml

from ops.stack.yaml_reading import parse, template


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("!Ref Fleet", {"Ref": "Fleet"}),
        ("!GetAtt Queue.Arn", {"Fn::GetAtt": ["Queue", "Arn"]}),
        ('!Sub "${Fleet}-x"', {"Fn::Sub": "${Fleet}-x"}),
        ("!If [A, !Ref B, c]", {"Fn::If": ["A", {"Ref": "B"}, "c"]}),
        ("!Condition A", {"Condition": "A"}),
        ("!Join ['', [a, !Ref B]]", {"Fn::Join": ["", ["a", {"Ref": "B"}]]}),
        ("2012-10-17", "2012-10-17"),
        ("{ Fn::ImportValue: !Sub 'x' }", {"Fn::ImportValue": {"Fn::Sub": "x"}}),
    ],
)
def test_short_forms(text: str, value: object) -> None:
    assert parse(f"key: {text}") == {"key": value}


@pytest.mark.parametrize("text", ["key: !Transform x", "key: !!python/object:os.system x", "- a"])
def test_what_is_no_template_is_refused(text: str) -> None:
    with pytest.raises(yaml.YAMLError):
        parse(text)


def test_who_changes_a_template_changes_no_other() -> None:
    first = template("shared")
    first["Resources"].clear()
    assert template("shared")["Resources"]


def test_a_template_that_is_not_there() -> None:
    with pytest.raises(FileNotFoundError, match=r"nothing\.yaml"):
        template("nothing")
