"""A plan's lines and requests, for tables and buckets alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ops.stores.wanted import NAME_TAG

WHOSE = "whose it is"


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the plan; `before` is None where there was nothing."""

    store: str
    what: str
    before: str | None
    after: str
    why: str


@dataclass(frozen=True, slots=True)
class Step:
    """One request: boto3's name of the call and its arguments, and the line that tells of it."""

    service: Literal["dynamodb", "s3"]
    call: str
    arguments: Mapping[str, Any]
    change: Change


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps in the order to take them, and why some store may not be touched at all."""

    steps: tuple[Step, ...]
    refusals: tuple[str, ...]
    unowned: tuple[str, ...] = ()
    """Stores that are there and have no fleet's tag: the steps take them only if told to."""

    @property
    def changes(self) -> tuple[Change, ...]:
        """Every line of the plan in the order of its steps."""
        return tuple(step.change for step in self.steps)


def foreign(
    kind: str, name: str, wanted: Mapping[str, str], found: Mapping[str, str]
) -> str | None:
    """Return the refusal of a store that is another fleet's, or None."""
    owner = found.get(NAME_TAG)
    if owner in (None, wanted[NAME_TAG]):
        return None
    return (
        f"{name}: expected tag {NAME_TAG} = {wanted[NAME_TAG]}, got {owner}: it is another "
        f"fleet's {kind}: name another, or rename the fleet"
    )


def unowned(name: str, wanted: Mapping[str, str]) -> str:
    """Return what is said of a store that has no fleet's tag."""
    return (
        f"{name}: expected tag {NAME_TAG} = {wanted[NAME_TAG]}, got none: it may be anybody's: "
        "add --adopt to take it for this fleet, or name another"
    )


def differing_tags(
    wanted: Mapping[str, str], found: Mapping[str, str]
) -> Iterator[tuple[str, str | None, str]]:
    """Yield each tag that differs, its value there, and the value wanted."""
    for key, value in wanted.items():
        if found.get(key) != value:
            yield key, found.get(key), value
