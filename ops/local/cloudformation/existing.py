"""Resources that are there already and that a change set takes over by itself.

"Import AWS resources into a CloudFormation stack automatically" in the User Guide says which: those
whose primary identifier is written out in the template (no function, and nothing that AWS chooses,
such as the URL of a queue), with a DeletionPolicy that retains them, and that no stack has.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from ops.local.cloudformation.evaluate import Evaluation
from ops.local.cloudformation.model import Wish
from ops.local.cloudformation.place import Place
from ops.local.cloudformation.schema import schema_of

_RETAINED = frozenset({"Retain", "RetainExceptOnCreate"})


def with_existing(evaluation: Evaluation, place: Place, owned: Collection[tuple[str, str]]) -> Wish:
    """Return the wish with what it takes over; `owned` are types and ids that stacks have."""
    wish = evaluation.wish
    found = dict(wish.imports)
    for name, resource in evaluation.wanted().items():
        identifier = _identifier(resource, place.region)
        handler = evaluation.types.get(resource["Type"])
        if name in evaluation.stack.resources or identifier is None or handler is None:
            continue
        physical = handler.imported(identifier)
        properties = resource.get("Properties", {})
        if (handler.kind, physical) in owned:
            continue
        if handler.read(replace(place, logical=name), physical, properties) is not None:
            found[name] = identifier
    return replace(wish, imports=found)


def _identifier(resource: Mapping[str, object], region: str) -> dict[str, str] | None:
    if resource.get("DeletionPolicy") not in _RETAINED:
        return None
    schema = schema_of(str(resource["Type"]), region)
    properties = resource.get("Properties", {})
    given = properties if isinstance(properties, Mapping) else {}
    values = {name: given.get(name) for name in schema.identifier}
    texts = {name: value for name, value in values.items() if isinstance(value, str)}
    if set(schema.identifier) & schema.read_only or texts.keys() != values.keys():
        return None
    return texts
