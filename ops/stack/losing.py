"""Changes that would take away what holds data: they are made only where they are named. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ops.stack.changes import Change, Proposal

#: What has data in it, and what becomes of that when another one takes its place.
_HOLDS: Final = {
    "AWS::DynamoDB::Table": "the items stay behind in the old one, or are deleted with it",
    "AWS::S3::Bucket": "the objects stay behind in the old one, where the fleet may no longer read",
    "AWS::SQS::Queue": "the messages stay behind in the old one, where no worker takes them",
}


@dataclass(frozen=True, slots=True)
class Loss:
    """A change that would take away a queue, a table or a bucket."""

    stack: str
    change: Change

    @property
    def name(self) -> str:
        """Its own name; of a queue CloudFormation knows the URL, which ends with it."""
        return self.change.physical_id.rpartition("/")[2] or self.change.logical_id

    def in_words(self) -> str:
        """Return it as a line, with what helps."""
        one = self.change
        kind = one.kind.removeprefix("AWS::")
        why = f" ({', '.join(one.what)})" if one.what else ""
        result = "what it holds is lost" if one.action == "delete" else _HOLDS[one.kind]
        return (
            f"{self.stack}: {one.logical_id} ({kind}): expected to keep {self.name}, found that "
            f"the change would {one.action} it{why}: {result}: take the change back in the "
            f"manifest, or make it with --replace {self.name}"
        )


def losses(proposals: Iterable[Proposal], named: Collection[str] = ()) -> tuple[Loss, ...]:
    """Return the changes that would take data away and are not `named`.

    A name is the resource's own, or its logical id where only one of the changes is of that.
    """
    found = [
        Loss(proposal.stack, change)
        for proposal in proposals
        for change in proposal.changes
        if change.loses and change.kind in _HOLDS
    ]
    count = Counter(one.change.logical_id for one in found)
    return tuple(
        one
        for one in found
        if one.name not in named
        and not (one.change.logical_id in named and count[one.change.logical_id] == 1)
    )
