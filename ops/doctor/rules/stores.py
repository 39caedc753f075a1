"""What the fleet's tables and buckets are in the account."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ops.doctor.finding import Bite, Severity
from ops.doctor.snapshot import Snapshot

_MAKE: Final = "run ops stores apply --yes"


def missing(snapshot: Snapshot) -> Iterator[Bite]:
    """Tables and buckets that the account does not have."""
    for store in snapshot.account.stores if snapshot.account is not None else ():
        if store.differs is None:
            yield Bite(
                store.name,
                f"the account has no such {store.kind}: what needs it fails ({store.purpose})",
                _MAKE,
                # Not every application uses what every fleet has.
                None if store.asked_for else Severity.WARNING,
            )


def differing(snapshot: Snapshot) -> Iterator[Bite]:
    """Tables and buckets that are otherwise than the manifest wants them."""
    for store in snapshot.account.stores if snapshot.account is not None else ():
        if store.differs:
            yield Bite(
                store.name,
                f"it is not as the manifest wants it ({store.purpose}): {store.differs}",
                "run ops stores apply, which shows what it would change",
            )
