"""The heartbeat: a thread that renews the leases of all messages held."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from worker.sqs import lease as leases
from worker.sqs.client import Failed, Sqs
from worker.sqs.errors import CALL_ERRORS, STALE_HANDLE, Trouble, describe, trouble
from worker.sqs.ledger import Held, Ledger, State

logger = logging.getLogger(__name__)

RETRY_SECONDS: Final = 1.0
BATCH: Final = 10

#: What is being handed back must not be hidden anew.
_RENEWED: Final = frozenset(State) - {State.RETURNING}


class Heartbeat(threading.Thread):
    """Renews every third of a lease, in batches of ten, until told to stop.

    ``lost`` is called once for each message whose lease is gone, with what was learnt.
    A thread and no timer of the event loop: it beats while that loop is blocked by a task.
    """

    def __init__(
        self,
        sqs: Sqs,
        queue_url: Callable[[], str],
        ledger: Ledger,
        lease_seconds: float,
        lost: Callable[[Held, str], None],
    ) -> None:
        super().__init__(name="fleet-heartbeat", daemon=True)
        self._sqs = sqs
        self._queue_url = queue_url
        self._ledger = ledger
        self._lease_seconds = lease_seconds
        self._lost = lost
        self._stopped = threading.Event()
        self.renewed_total = 0
        #: monotonic seconds of the last sign of life; a renewal under way is one
        self.last_beat = time.monotonic()

    def stop(self) -> None:
        """End the thread at its next beat."""
        self._stopped.set()

    def run(self) -> None:
        """Beat until stopped."""
        period = leases.period_seconds(self._lease_seconds)
        wait = period
        while not self._stopped.wait(wait):
            began = time.monotonic()
            healthy = self._beat()
            self.last_beat = time.monotonic()
            spent = self.last_beat - began
            wait = max(0.05, period - spent) if healthy else min(RETRY_SECONDS, period / 2)

    def _beat(self) -> bool:
        now = time.monotonic()
        by_lease = {id(held.lease): held for held in self._ledger.held(_RENEWED)}
        due = leases.due((held.lease for held in by_lease.values()), now, self._lease_seconds)
        healthy = True
        for start in range(0, len(due), BATCH):
            if not self._renew([by_lease[id(one)] for one in due[start : start + BATCH]]):
                healthy = False
                break
        now = time.monotonic()
        for held in self._ledger.held(_RENEWED):
            for _ in leases.lapsed((held.lease,), now):
                self._lose(held, "it was not renewed in time")
        return healthy

    def _renew(self, batch: list[Held]) -> bool:
        now = self.last_beat = time.monotonic()
        wanted = [
            (held, seconds)
            for held in batch
            if (seconds := leases.extension_seconds(held.lease, now, self._lease_seconds))
        ]
        if not wanted:
            return True
        entries = [(held.lease.handle, seconds) for held, seconds in wanted]
        try:
            failed = self._sqs.change_visibility(self._queue_url(), entries)
        except CALL_ERRORS as error:
            logger.warning("leases: cannot renew %d: %s", len(entries), describe(error))
            if trouble(error) is Trouble.CREDENTIALS:
                self._sqs.refresh()
            return False
        codes = {int(entry["Id"]): entry for entry in failed}
        for index, (held, seconds) in enumerate(wanted):
            failure = codes.get(index)
            if failure is None:
                leases.renewed(held.lease, now, seconds)
                self.renewed_total += 1
            elif _for_good(failure) and held.lease.handle == entries[index][0]:
                # (A handle that a later receive replaced meanwhile is not the one we hold.)
                self._lose(held, failure["Code"])
        return all(map(_for_good, failed))

    def _lose(self, held: Held, why: str) -> None:
        with self._ledger.changed:
            if held.lease.lost or self._ledger.get(held.tag) is not held:
                return
            if held.over:  # deleted, perhaps: its acknowledgement finds out
                return
            held.lease.lost = True
        self._lost(held, why)


def _for_good(failure: Failed) -> bool:
    return failure["SenderFault"] or failure["Code"] in STALE_HANDLE
