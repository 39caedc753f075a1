"""The pages on permissions and on what checkov is told, against the templates."""

from __future__ import annotations

import re
from typing import Any

from ops.stack.yaml_reading import path, template
from tests.unit.stack_fleets import ROOT

PERMISSIONS = (ROOT / "docs/reference/permissions.md").read_text()
TEMPLATES = ("shared", "queue-ec2", "queue-ecs")
_ACTION = re.compile(r"`([a-z0-9]+:[A-Z][A-Za-z*]+)`")


def granted(node: Any) -> set[str]:
    """Every action that a template's statements allow, on whatever condition."""
    if isinstance(node, list):
        return set().union(*map(granted, node))
    if not isinstance(node, dict):
        return set()
    own = set()
    if node.get("Effect") == "Allow":
        actions = node["Action"]
        own = set(actions if isinstance(actions, list) else [actions])
    return own.union(*map(granted, node.values()))


def test_the_page_lists_what_is_granted_and_nothing_else() -> None:
    found = set().union(*(granted(template(name)) for name in TEMPLATES))
    # Who may take a role, and what services and the account's own policies do with a topic or key.
    found -= {"sts:AssumeRole", "sns:Publish", "kms:*"}
    # What is yours to have is granted by nobody here.
    roles, _, yours = PERMISSIONS.partition("\n## You\n")
    assert yours
    assert set(_ACTION.findall(roles)) == found


def test_the_page_lists_every_role() -> None:
    for name in TEMPLATES:
        for logical, resource in template(name)["Resources"].items():
            if resource["Type"] == "AWS::IAM::Role":
                assert f"`{logical}`" in PERMISSIONS, logical


def test_every_check_that_is_left_out_has_its_reason() -> None:
    lines = (path("shared").parent / "checkov.yaml").read_text().splitlines()
    skips = [number for number, line in enumerate(lines) if "- CKV" in line]
    assert skips
    for number in skips:
        assert lines[number - 1].lstrip().startswith("# "), lines[number]
