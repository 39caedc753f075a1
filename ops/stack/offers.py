"""Whether EC2 has what the groups are to be made of: instance types, for their image. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from worker.manifest.problems import Problem, listed

if TYPE_CHECKING:
    from worker.fleet import Queue


@dataclass(frozen=True, slots=True)
class Offers:
    """What EC2 says; None is what it did not say.

    `zones` are those of the groups' subnets, `offered` the region's zones that offer a type, by
    type, `made_for` the architectures of a type, by type; a type that the region lacks is in
    neither. `architecture` is that of the image.
    """

    region: str
    image: str
    image_is_absent: bool = False
    zones: frozenset[str] | None = None
    offered: Mapping[str, frozenset[str]] | None = None
    made_for: Mapping[str, frozenset[str]] | None = None
    architecture: str | None = None


def problems(queue: Queue, offers: Offers) -> Iterator[Problem]:
    """Yield why a queue's group could not be made, or some of its types never be launched.

    A type that the region lacks may fail the group as a whole (EC2 Auto Scaling User Guide, "Setup
    overview for creating a mixed instances group"). One that none of its zones has is dead weight,
    and hides that the others carry it all.
    """
    types, region = queue.nodes.types, offers.region
    offered = offers.offered
    if offered is not None:
        if nowhere := [each for each in types if not offered.get(each)]:
            yield _problem(
                queue,
                f"types that {region} offers, got {listed(nowhere)}",
                "name others (aws ec2 describe-instance-type-offerings lists them)",
            )
        zones = offers.zones
        if zones is not None and (
            elsewhere := [each for each in types if offered.get(each) and not offered[each] & zones]
        ):
            there = sorted(frozenset().union(*(offered[each] for each in elsewhere)))
            yield _problem(
                queue,
                f"types that a zone of the group's subnets offers ({_in_words(zones)}), got "
                f"{listed(elsewhere)}",
                f"name others, or a subnet in {' or '.join(there)} with aws.subnets",
            )
    image, made_for = offers.architecture, offers.made_for
    if image is not None and made_for is not None:
        other = [each for each in types if each in made_for and image not in made_for[each]]
        if other:
            found = _in_words(frozenset().union(*(made_for[each] for each in other)))
            yield _problem(
                queue,
                f"types of the image's architecture ({offers.image} is {image}), got "
                f"{listed(other)} ({found})",
                "name others, or an image that is made for them with aws.image; a local fleet is "
                "given one when it starts: ops local down, then ops local up",
            )


def note(queue: Queue, offers: Offers) -> str | None:
    """Return which zones a group never has a node in, None where there are none.

    That is no mistake, the others carry it: it is less of a spread than the subnets look like. A
    zone that lacks some of the types alone is not worth a word.
    """
    if offers.offered is None or offers.zones is None:
        return None
    offered = offers.offered
    has = frozenset().union(*(offered.get(each, frozenset()) for each in queue.nodes.types))
    empty = offers.zones - has
    if not empty:
        return None
    return (
        f"{queue.name}: it has no node in {_in_words(empty)}: EC2 offers none of nodes.types there"
    )


def _problem(queue: Queue, expected: str, remedy: str) -> Problem:
    return Problem("nodes.types", f"expected {expected}", remedy).under("queues", queue.name)


def _in_words(names: Collection[str]) -> str:
    return ", ".join(sorted(names))
