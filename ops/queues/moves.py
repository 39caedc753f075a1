"""Take the moves of a batch of messages: send, then delete what has arrived, or hide."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict, defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from ops.queues.forwarding import HOLD_SECONDS, Deliver, Hide, Refuse, Renew, longest_delays
from ops.queues.moving import Move, decide
from ops.queues.tally import Tally
from worker.outcomes import Reason
from worker.sqs.copies import Copied, send_copies
from worker.sqs.deadletter import Copier
from worker.sqs.errors import CALL_ERRORS, STALE_HANDLE, Trouble, describe, trouble

if TYPE_CHECKING:
    from ops.queues.room import Room
    from ops.queues.waiting_table import WaitingTable
    from worker.fleet import Fleet
    from worker.sqs.client import ReceivedMessage, Sqs

logger = logging.getLogger(__name__)

#: What could not be moved on is shown again after this.
RETRY_SECONDS: Final = 30
#: A task comes twice if its original is not deleted once its copy has arrived.
DELETE_ATTEMPTS: Final = 4
DELETE_AGAIN_AFTER_SECONDS: Final = 0.25
#: Copied messages remembered: one whose delete did not get through is only deleted.
REMEMBERED: Final = 10_000


class Mover:
    """Moves received messages of the delay queue on. Safe to share between threads."""

    def __init__(self, fleet: Fleet, sqs: Sqs, room: Room, table: WaitingTable) -> None:
        self._fleet = fleet
        self._sqs = sqs
        self._room = room
        self._table = table
        self._longest = longest_delays(fleet)
        self._copied: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()
        name = fleet.delay_dead_letter_name
        self._refuser = Copier(sqs, fleet.delay_queue_name, lambda: sqs.queue_url(name))
        self.tally = Tally()

    def move(self, messages: Sequence[ReceivedMessage], received_at: float) -> None:
        """Move messages on that were received at ``received_at`` (monotonic seconds)."""
        moves: list[Move] = []
        for message in messages:
            if message["MessageId"] in self._copied:
                self._delete([message["ReceiptHandle"]])
                continue
            moves.append(
                decide(
                    self._fleet,
                    self._longest,
                    message,
                    received_at=received_at,
                    now=time.time(),
                    may_hide=self._room.left(),
                )
            )
        if time.monotonic() - received_at > HOLD_SECONDS / 2:
            logger.warning("stood still: %d messages are left to be shown again", len(moves))
            return
        hidden = [one for one in moves if isinstance(one.hop, Hide)]
        if hidden:
            self._hide(hidden)
        by_target: dict[str, list[Move]] = defaultdict(list)
        for one in moves:
            if not isinstance(one.hop, Hide):
                by_target[one.target(self._fleet)].append(one)
        for name, chosen in by_target.items():
            self._delete(self._send(name, chosen))

    def hand_back(self, messages: Sequence[ReceivedMessage]) -> None:
        """Show messages again at once, for another forwarder."""
        self._show_again([one["ReceiptHandle"] for one in messages], 0)

    def _url(self) -> str:
        return self._sqs.queue_url(self._fleet.delay_queue_name)

    def _send(self, name: str, moves: Sequence[Move]) -> list[str]:
        """Send messages to one queue; return the handles of those that arrived there."""
        copied = self._sent(name, moves)
        there = set(map(id, copied.arrived))
        for one in moves:
            if id(one.held) in there:
                self._note(one)
        left = [one.held.lease.handle for one in moves if id(one.held) not in there]
        if left and copied.error is not None:
            self.tally.add(failed=len(left))
            self._log(f"send to {name}", len(left), copied.error)
            self._show_again(left, RETRY_SECONDS)
        return [held.lease.handle for held in copied.arrived]

    def _sent(self, name: str, moves: Sequence[Move]) -> Copied:
        refused = [
            (one.held, Reason(one.hop.kind, one.hop.text))
            for one in moves
            if isinstance(one.hop, Refuse)
        ]
        if refused:
            return self._refuser.copy(refused)
        entries = [(one.held, one.entry()) for one in moves]
        return send_copies(self._sqs, lambda: self._sqs.queue_url(name), entries)

    def _note(self, one: Move) -> None:
        with self._lock:
            self._copied[one.held.message_id] = None
            while len(self._copied) > REMEMBERED:
                self._copied.popitem(last=False)
        kind = {Deliver: "delivered", Refuse: "refused", Renew: "renewed"}[type(one.hop)]
        self.tally.add(**{kind: 1})
        if one.waiting is not None:
            note = self._table.waits if isinstance(one.hop, Renew) else self._table.gone
            note(one.waiting)

    def _hide(self, moves: Sequence[Move]) -> None:
        entries = [
            (one.held.lease.handle, one.hop.seconds) for one in moves if isinstance(one.hop, Hide)
        ]
        try:
            failed = self._sqs.change_visibility(self._url(), entries)
        except CALL_ERRORS as error:
            # Shown again when the hold of this receive is over, in time for all that waits.
            self.tally.add(failed=len(moves))
            self._log("hide", len(moves), error)
            return
        missing = {int(entry["Id"]) for entry in failed}
        hidden = [one for index, one in enumerate(moves) if index not in missing]
        self._room.hid(len(hidden))
        self.tally.add(hidden=len(hidden), failed=len(missing))
        for one in hidden:
            if one.waiting is not None:
                self._table.waits(one.waiting)

    def _delete(self, handles: Sequence[str]) -> None:
        left = list(handles)
        for attempt in range(DELETE_ATTEMPTS):
            if not left:
                return
            time.sleep(DELETE_AGAIN_AFTER_SECONDS * attempt)
            try:
                failed = self._sqs.delete(self._url(), left)
            except CALL_ERRORS as error:
                self._log("delete", len(left), error)
                continue
            left = [
                left[int(one["Id"])]
                for one in failed
                if not one["SenderFault"] and one["Code"] not in STALE_HANDLE
            ]
        if left:
            logger.error("%d messages were sent on and not deleted: they may come twice", len(left))

    def _show_again(self, handles: Sequence[str], after_seconds: int) -> None:
        try:
            self._sqs.change_visibility(self._url(), [(one, after_seconds) for one in handles])
        except CALL_ERRORS as error:
            self._log("show again", len(handles), error)

    def _log(self, doing: str, count: int, error: BaseException) -> None:
        remedy = ": ops queues apply --yes" if trouble(error) is Trouble.NO_QUEUE else ""
        logger.warning(
            "cannot %s %d messages, trying again: %s%s", doing, count, describe(error), remedy
        )
        if trouble(error) is Trouble.CREDENTIALS:
            self._sqs.refresh()
