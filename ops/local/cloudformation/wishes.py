"""What a wish says of other stacks, of resources that are there, and of outputs. Pure."""

from __future__ import annotations

from typing import Any

from ops.local.cloudformation.errors import Invalid
from ops.local.cloudformation.functions import references
from ops.local.cloudformation.model import Stack, Wish
from ops.local.cloudformation.schema import schema_of


def imports(wish: Wish, name: str) -> bool:
    """Return whether a wish imports an export of that name."""

    def walk(value: Any) -> bool:
        if isinstance(value, dict):
            return any(
                (key == "Fn::ImportValue" and _ends(item, name, wish)) or walk(item)
                for key, item in value.items()
            )
        return isinstance(value, list) and any(map(walk, value))

    return bool(name) and walk(wish.template["Resources"])


def _ends(value: Any, name: str, wish: Wish) -> bool:
    """Return whether an Fn::ImportValue means `name`: its text, parameters filled in."""
    if isinstance(value, str):
        return value == name
    text = value.get("Fn::Sub") if isinstance(value, dict) else None
    if isinstance(text, str):
        for parameter in references(value):
            text = text.replace(f"${{{parameter}}}", wish.parameters.get(parameter, ""))
        return text == name
    return False


def check_import(stack: Stack, wish: Wish, others: list[str]) -> None:
    """Raise Invalid for an import that changes `others` too, or names what it cannot take."""
    if others:
        raise Invalid(
            f"As you have modified resources [{', '.join(others)}] in your template that are not "
            "being imported, you cannot update, create or delete resources during import "
            "operations."
        )
    old = {} if stack.wish is None else stack.wish.template.get("Outputs", {})
    new = wish.template.get("Outputs", {})
    if any(old.get(name) != output for name, output in new.items()):
        raise Invalid("As part of the import operation, you cannot modify or add [Outputs]")
    resources = wish.template["Resources"]
    for name, identifier in wish.imports.items():
        if name not in resources:
            raise Invalid(f"Resource {name} to import is not in the template")
        if "DeletionPolicy" not in resources[name]:
            raise Invalid(
                "Resources to import must have a DeletionPolicy attribute specified in the "
                f"template: [{name}]"
            )
        names = schema_of(resources[name]["Type"], stack.region).identifier
        if set(identifier) != set(names):
            raise Invalid(f"Resource {name}: expected the identifier {list(names)}")


def told_anew(stack: Stack, wish: Wish) -> bool:
    """Return whether a wish without changes of resources still changes the outputs."""
    if stack.wish is None:
        return True
    old, new = stack.wish.template.get("Outputs"), wish.template.get("Outputs")
    return bool(old != new)
