"""What of the local CloudFormation needs no AWS: templates, functions, parameters, differences."""

from __future__ import annotations

from typing import Any

import pytest

from ops.local.cloudformation.differences import differences
from ops.local.cloudformation.errors import Invalid
from ops.local.cloudformation.evaluate import ordered
from ops.local.cloudformation.functions import NO_VALUE, Scope, Unknown, references, resolved
from ops.local.cloudformation.parameters import shown, typed, values
from ops.local.cloudformation.source import parsed


def scope(**conditions: Any) -> Scope:
    known = {"Fleet": "media", "None": NO_VALUE, "List": ["a", "b"], "New": Unknown("New", "Ref")}

    def attribute(resource: str, name: str) -> Any:
        if resource == "New":
            return Unknown(resource, name)
        return f"{resource}/{name}"

    return Scope(
        reference=known.__getitem__,
        attribute=attribute,
        imported=lambda name: f"imported {name}",
        conditions=conditions,
        mappings={"M": {"a": {"b": "found"}}},
        region="eu-central-1",
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Ref": "Fleet"}, "media"),
        ({"a": {"Ref": "None"}, "b": [1, {"Ref": "None"}]}, {"b": [1]}),
        ({"Fn::GetAtt": ["Q", "Arn"]}, "Q/Arn"),
        ({"Fn::GetAtt": "Q.Arn"}, "Q/Arn"),
        ({"Fn::Sub": "${Fleet}-${Q.Arn}-${!Literal}"}, "media-Q/Arn-${Literal}"),
        ({"Fn::Sub": ["${own}-${Fleet}", {"own": {"Ref": "Fleet"}}]}, "media-media"),
        ({"Fn::Join": ["-", [1, True, {"Ref": "Fleet"}]]}, "1-true-media"),
        ({"Fn::Select": ["1", {"Ref": "List"}]}, "b"),
        ({"Fn::Split": ["-", "a-b"]}, ["a", "b"]),
        ({"Fn::FindInMap": ["M", "a", "b"]}, "found"),
        ({"Fn::ImportValue": {"Fn::Sub": "${Fleet}-x"}}, "imported media-x"),
        ({"Fn::Base64": "a"}, "YQ=="),
        ({"Fn::If": ["Yes", 1, 2]}, 1),
        ({"Fn::If": ["No", 1, 2]}, 2),
        ({"Fn::Sub": "x-${New}"}, Unknown("New", "Ref")),
        ({"Fn::Join": ["", ["a", {"Fn::GetAtt": ["New", "Arn"]}]]}, Unknown("New", "Arn")),
    ],
)
def test_functions(value: Any, expected: Any) -> None:
    yes = {"Fn::And": [{"Fn::Equals": [1, "1"]}, {"Fn::Not": [{"Condition": "No"}]}]}
    no = {"Fn::Or": [{"Fn::Equals": ["a", "b"]}, {"Fn::Equals": [True, "false"]}]}
    assert resolved(value, scope(Yes=yes, No=no)) == expected


@pytest.mark.parametrize(
    "value",
    [{"Fn::Cidr": []}, {"Fn::If": ["Nobody", 1, 2]}, {"Fn::Select": [5, ["a"]]}],
)
def test_what_no_function_gives_is_refused(value: Any) -> None:
    with pytest.raises(Invalid):
        resolved(value, scope())


def test_short_forms_and_dates() -> None:
    text = """
Resources:
  A:
    Type: T
    Properties:
      Version: 2012-10-17
      Arn: !GetAtt B.Arn.Deep
      Name: !Sub "${C}-x"
      Either: !If [Chosen, !Ref D, !Ref "AWS::NoValue"]
"""
    properties = parsed(text)["Resources"]["A"]["Properties"]
    assert properties["Version"] == "2012-10-17"
    assert properties["Arn"] == {"Fn::GetAtt": ["B", "Arn.Deep"]}
    assert properties["Either"] == {"Fn::If": ["Chosen", {"Ref": "D"}, {"Ref": "AWS::NoValue"}]}
    assert set(references(properties)) == {"B", "C", "D", "AWS::NoValue"}


@pytest.mark.parametrize(
    "text",
    [
        '{"Resources": {"A": {"Type": "T", "Properties": {"Kept": true, "Note": "2012-10-17"}}}}',
        "{Resources: {A: {Type: T, Properties: {Kept: true, Note: 2012-10-17}}}}",
    ],
)
def test_json_and_what_only_looks_like_it(text: str) -> None:
    assert parsed(text)["Resources"]["A"]["Properties"] == {"Kept": True, "Note": "2012-10-17"}


def test_order() -> None:
    assert ordered({"a": {"b"}, "b": {"c", "elsewhere"}, "c": set()}) == ["c", "b", "a"]
    with pytest.raises(Invalid, match="Circular"):
        ordered({"a": {"b"}, "b": {"a"}})


def test_parameters() -> None:
    declared = {
        "Size": {"Type": "Number", "MinValue": 1, "MaxValue": 9, "Default": 3},
        "Names": {"Type": "CommaDelimitedList", "Default": ""},
        "Image": {"Type": "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>"},
        "Secret": {"Type": "String", "NoEcho": True, "Default": "s"},
        "Kept": {"Type": "String", "Default": "new"},
    }
    texts = values(declared, {"Image": "/i", "Names": "a, b"}, {"Kept": "old"}, frozenset({"Kept"}))
    assert texts == {"Size": "3", "Names": "a, b", "Image": "/i", "Secret": "s", "Kept": "old"}
    found = typed(declared, texts, lambda name: f"ami of {name}")
    assert (found["Names"], found["Image"]) == (["a", "b"], "ami of /i")
    assert shown(declared, texts)["Secret"] == "****"
    for given, reason in (
        ({"Image": "/i", "Size": "10"}, "from 1 to 9"),
        ({"Image": "/i", "Size": "x"}, "must be a number"),
        ({"Image": "/i", "Other": "x"}, "do not exist in the template"),
        ({}, "must have values"),
    ):
        with pytest.raises(Invalid, match=reason):
            values(declared, given, {}, frozenset())


@pytest.mark.parametrize(
    ("expected", "actual", "paths"),
    [
        ({"A": 1}, {"A": "1", "More": 2}, []),
        ({"A": True}, {"a": "true"}, []),
        ({"A": 1.0}, {"A": 1}, []),
        ({"A": '{"x": [1]}'}, {"A": {"x": [1]}}, []),
        ({"A": ["x", "y"]}, {"A": ["y", "x"]}, []),
        ({"Action": "s3:Get"}, {"Action": ["s3:Get"]}, []),
        ({"A": False}, {}, []),
        ({"A": 1}, {"A": 2}, [("/A", "NOT_EQUAL")]),
        ({"A": {"B": 1}}, {"A": {}}, [("/A/B", "REMOVE")]),
        ({"A": ["x"]}, {"A": ["x", "y"]}, [("/A/1", "ADD")]),
        (
            {"Tags": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]},
            {"Tags": [{"Key": "b", "Value": "3"}, {"Key": "a", "Value": "1"}]},
            [("/Tags/1/Value", "NOT_EQUAL")],
        ),
    ],
)
def test_differences(expected: Any, actual: Any, paths: list[tuple[str, str]]) -> None:
    assert [(each.path, each.kind) for each in differences(expected, actual)] == paths
