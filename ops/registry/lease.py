"""The engine's lease: who acts, told apart by a generation from whoever acted before. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ops.registry.names import TEXT_AT_MOST_CHARACTERS
from ops.registry.values import read_moment, read_text, read_whole

if TYPE_CHECKING:
    from ops.registry.values import Item

#: The longest time a lease is taken for: it is also how long nobody acts after a holder died.
LONGEST_SECONDS: Final = 900.0


@dataclass(frozen=True, slots=True)
class Lease:
    """Who acts, and until when unless it is renewed.

    `holder` names one process and no other, also not its own next start. `generation` is one more
    than the holder's before: every write of the engine is conditional on both.
    """

    holder: str
    generation: int
    expires: float

    def lapsed(self, now: float) -> bool:
        """Whether another may take it."""
        return now >= self.expires


def read_lease(item: Item) -> Lease:
    """Read the lease's item. Raises Unreadable."""
    return Lease(
        holder=read_text(item, "holder", TEXT_AT_MOST_CHARACTERS),
        generation=read_whole(item, "generation", 1, 2**53),
        expires=read_moment(item, "expires"),
    )
