"""Command documents of the local AWS, rendered: what is filled in, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from ops.local.ssm.documents import DocumentError, ParametersError, Step, steps


def document(step: dict[str, Any] | None = None, **parameters: Any) -> dict[str, Any]:
    inputs = {"runCommand": ["say {{ Word }}", "echo {{Word}}"]} if step is None else step
    return {
        "schemaVersion": "2.2",
        "parameters": {"Word": {"type": "String", "default": "hi"}, **parameters},
        "mainSteps": [{"action": "aws:runShellScript", "name": "one", "inputs": inputs}],
    }


LIST = {"type": "StringList", "default": ["a", "b"]}


@pytest.mark.parametrize(
    ("content", "given", "step"),
    [
        (document(), {}, Step("one", "say hi\necho hi\n", 3600)),
        (document(), {"Word": ["you"]}, Step("one", "say you\necho you\n", 3600)),
        (
            document({"runCommand": "{{ Lines }}", "timeoutSeconds": "30"}, Lines=LIST),
            {},
            Step("one", "a\nb\n", 30),
        ),
        (
            document({"runCommand": ["ls"], "workingDirectory": "/{{ Word }}"}),
            {},
            Step("one", "cd /hi || exit 1\nls\n", 3600),
        ),
    ],
)
def test_parameters_are_filled_in(
    content: dict[str, Any], given: dict[str, list[str]], step: Step
) -> None:
    assert steps(content, given) == (step,)


@pytest.mark.parametrize(
    ("declared", "given"),
    [
        ({"allowedValues": ["x", "y"]}, ["z"]),
        ({"allowedPattern": "^[0-9]+$"}, ["1a"]),
        ({"minChars": 2}, ["a"]),
        ({"maxChars": 2}, ["abc"]),
        ({}, ["a", "b"]),
        ({}, []),
    ],
)
def test_values_that_are_not_allowed_are_refused(
    declared: dict[str, Any], given: list[str]
) -> None:
    with pytest.raises(ParametersError, match="Other: expected"):
        steps(document(Other={"type": "String", **declared}), {"Other": given})


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ({**document(), "schemaVersion": "1.2"}, "schemaVersion 2.2"),
        ({**document(), "mainSteps": []}, "mainSteps"),
        ({**document(), "mainSteps": [{"action": "aws:applications"}]}, "aws:runShellScript"),
        (document({"runCommand": ["{{ Nobody }}"]}), "declares no such parameter"),
        (document({"runCommand": [], "onFailure": "exit"}), "onFailure: not known"),
    ],
)
def test_documents_that_cannot_be_run_are_refused(content: dict[str, Any], why: str) -> None:
    with pytest.raises(DocumentError, match=why):
        steps(content, {})
