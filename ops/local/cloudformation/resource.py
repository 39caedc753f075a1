"""One type of resources: how it is made, changed, ended and looked at by calls of the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ops.local.cloudformation.place import Place

#: A resource's properties, with no functions left in them.
Properties = Mapping[str, Any]


class Resource:
    """A type of resources. Each method may raise ClientError or Refused, which end the stack's way.

    `handled` are the properties it takes. `renewed` are attributes that each update changes.
    `fixed` are properties that a change of replaces it, beyond those its schema always names.
    """

    kind: ClassVar[str]
    handled: ClassVar[frozenset[str]]
    renewed: ClassVar[frozenset[str]] = frozenset()
    fixed: ClassVar[frozenset[str]] = frozenset()

    def identity(self, at: Place, wanted: Properties) -> str | None:
        """Return the physical id that the properties name; None where AWS will choose one."""
        return None

    def create(self, at: Place, wanted: Properties) -> str:
        """Make it; return its physical id."""
        raise NotImplementedError

    def update(self, at: Place, physical: str, before: Properties, wanted: Properties) -> None:
        """Change it in place, from `before` to `wanted`."""
        raise NotImplementedError

    def delete(self, at: Place, physical: str, had: Properties) -> None:
        """End it; one that is gone already is no error."""
        raise NotImplementedError

    def read(self, at: Place, physical: str, had: Properties) -> dict[str, Any] | None:
        """Return the properties as they are, as far as they can be told; None where it is gone."""
        return dict(had)

    def reference(self, at: Place, physical: str, had: Properties) -> str:
        """Return what Ref gives."""
        return physical

    def attributes(self, at: Place, physical: str, had: Properties) -> dict[str, Any]:
        """Return what Fn::GetAtt gives, by name."""
        return {}

    def replaced(self, before: Properties, wanted: Properties) -> frozenset[str]:
        """Return those properties whose change replaces it."""
        return self.fixed

    def left_alone(self, policy: Mapping[str, Any]) -> frozenset[str]:
        """Return the properties whose drift an update with this update policy does not see."""
        return frozenset()

    def imported(self, identifier: Mapping[str, str]) -> str:
        """Return the physical id of what an identifier names."""
        return "|".join(identifier.values())


def only(values: Properties, *names: str) -> dict[str, Any]:
    """Return those of `values` that are among `names`."""
    return {name: values[name] for name in names if name in values}


def without(values: Properties, *names: str) -> dict[str, Any]:
    """Return those of `values` that are not among `names`."""
    return {name: value for name, value in values.items() if name not in names}


def changed(before: Properties, wanted: Properties, *names: str) -> bool:
    """Return whether any of the properties `names` differs."""
    return any(before.get(name) != wanted.get(name) for name in names)
