"""Carry out what was decided for all queues, and say what became of each action.

First everything that is written into the registry, for all queues together: what is wanted of
nodes, the items to forget, and the claims of nodes that are to be ended. Every such write checks
the lease in the same transaction, so that two side by side would only be in each other's way. Then
the groups are changed, several queues at a time, each queue's actions in their order. At last the
claims are given up whose nodes AWS would not end.

A node is ended in two steps. It is claimed, which succeeds only while its own confirmation
("paused, idle, this token") stands and is fresh, and after which it never receives again; then it
is terminated with its one decrement, within `CALL_WITHIN_SECONDS` of the claim or not at all.
Where AWS will not, the claim is given up. Where no answer came, it stays, and nobody sends the
decrement again: a claimed node that is still there after `ABANDONED_AFTER_SECONDS` is for `decide`
to replace, which takes nothing off the desired capacity.

An engine that lost the lease changes nothing more.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from ops.errors import OpsError
from ops.registry import changes as written
from ops.registry.transact import TOGETHER, LostLease
from ops.scaling.capacity import Refused
from ops.scaling.changing import GroupChanges, Moment, check_endable, outcome
from ops.scaling.model import Action, Forget, Group, Pause, Resume, Terminate, Wanted
from ops.scaling.outcomes import LAPSED, Outcome, Work

if TYPE_CHECKING:
    from ops.registry.changes import Change
    from ops.registry.lease import Lease
    from ops.registry.transact import Refused as NotWritten
    from ops.scaling.capacity import Capacity

__all__ = ["Outcome", "Registry", "Work", "act"]

#: Queues that are acted on at a time: AWS throttles the changes of an account's groups together.
THREADS: Final = 8
#: A confirmation older than three reports of a node is asked for again.
FRESH_SECONDS: Final = 45.0

_At: TypeAlias = tuple[int, int]
"""An action: the index of its work, and its own in there."""


class Registry(Protocol):
    """What is written into the registry, under the lease."""

    def write(self, changes: Sequence[Change], lease: Lease) -> Sequence[NotWritten]:
        """Write changes to different items; return those whose condition did not hold.

        Raises LostLease, where nothing was written, and OpsError.
        """
        ...


def act(
    works: Sequence[Work],
    *,
    registry: Registry,
    capacities: Mapping[str, Capacity],
    lease: Lease,
    holds: Callable[[], bool],
    clock: Callable[[], float] = time.time,
    threads: int = THREADS,
) -> dict[str, tuple[Outcome, ...]]:
    """Carry out the actions of every queue; return an outcome an action, in their order, by queue.

    `capacities` are by runtime. `holds` says whether the lease still is ours for as long as a
    change takes to be answered (`capacity_ec2.ANSWER_SECONDS` and the time to connect). `clock` is
    looked at right before nodes are claimed. Raises nothing: what goes wrong with one queue is its
    own outcome.
    """
    busy = [work for work in works if work.actions]
    return _Pass(busy, registry, lease, holds, clock).run(capacities, threads)


class _Pass:
    def __init__(
        self,
        works: Sequence[Work],
        registry: Registry,
        lease: Lease,
        holds: Callable[[], bool],
        clock: Callable[[], float],
    ) -> None:
        self._works = works
        self._registry = registry
        self._lease = lease
        self._holds = holds
        self._clock = clock
        self._lost = False
        self._found: dict[_At, Outcome] = {}
        self._claims: list[dict[str, Moment]] = [{} for _ in works]

    def run(
        self, capacities: Mapping[str, Capacity], threads: int
    ) -> dict[str, tuple[Outcome, ...]]:
        self._write_all()
        changes = [
            GroupChanges(work, capacities[work.runtime], claims, self._still_holds)
            for work, claims in zip(self._works, self._claims, strict=True)
        ]
        with ThreadPoolExecutor(threads, thread_name_prefix="act") as pool:
            list(pool.map(GroupChanges.run, changes))
        for number, change in enumerate(changes):
            self._found |= {(number, index): found for index, found in change.outcomes.items()}
        self._unclaim(changes)
        return {
            work.queue: tuple(self._found[number, index] for index in range(len(work.actions)))
            for number, work in enumerate(self._works)
        }

    def _still_holds(self) -> bool:
        return not self._lost and self._holds()

    def _write_all(self) -> None:
        """Write what the registry is to hold, and note what was claimed."""
        changes = list(self._changes())
        for first in range(0, len(changes), TOGETHER):
            chunk = changes[first : first + TOGETHER]
            begun = Moment()
            why = self._write([_at_last(change, self._clock()) for _, change in chunk])
            for (at, _), error in zip(chunk, why, strict=True):
                action = self._action(at)
                if error is not None:
                    self._found[at] = outcome(action, error)
                elif isinstance(action, Terminate):
                    self._claims[at[0]][action.node] = begun
                else:
                    self._found[at] = Outcome(action, "done")

    def _changes(self) -> Iterator[tuple[_At, Change]]:
        items: set[str] = set()
        for number, work in enumerate(self._works):
            ended = 0
            for index, action in enumerate(work.actions):
                try:
                    if isinstance(action, Terminate):
                        _check_room(check_endable(work.group, action.node), ended)
                    change = _change(work.queue, action)
                    if change is None:
                        continue
                    item = written.sort_key(change)
                    if item in items:
                        raise Refused("another action on this node goes before it")
                except (Refused, ValueError) as error:
                    self._found[number, index] = Outcome(action, "refused", str(error))
                    continue
                items.add(item)
                ended += isinstance(action, Terminate)
                yield (number, index), change

    def _write(self, changes: Sequence[Change]) -> list[Exception | None]:
        """Write changes; return what went wrong with each, None where it is written."""
        if not self._still_holds():
            return [Refused(LAPSED) for _ in changes]
        try:
            refused = [each.change for each in self._registry.write(changes, self._lease)]
        except LostLease:
            self._lost = True
            return [Refused(LAPSED) for _ in changes]
        except (OpsError, ValueError) as error:
            return [error for _ in changes]
        return [Refused(_why_not(each)) if each in refused else None for each in changes]

    def _unclaim(self, changes: Sequence[GroupChanges]) -> None:
        """Give up the claims of nodes that were surely not ended; keep the ones that resist."""
        to_write = {
            (number, index): written.Unclaim(self._works[number].queue, node)
            for number, change in enumerate(changes)
            for index, node in change.to_unclaim
        }
        ats = list(to_write)
        for first in range(0, len(ats), TOGETHER):
            chunk = ats[first : first + TOGETHER]
            why = self._write([to_write[at] for at in chunk])
            for at, error in zip(chunk, why, strict=True):
                if error is not None:
                    found = self._found[at]
                    stays = f"{found.why}; its claim stays: {error}"
                    self._found[at] = Outcome(found.action, found.result, stays)

    def _action(self, at: _At) -> Action:
        return self._works[at[0]].actions[at[1]]


def _change(queue: str, action: Action) -> Change | None:
    match action:
        case Pause(node, token):
            return written.Want(queue, node, Wanted.PAUSE, token)
        case Resume(node, token):
            return written.Want(queue, node, Wanted.RUN, token)
        case Terminate(node, token):
            return written.Claim(queue, node, token, 0.0, FRESH_SECONDS, uuid.uuid4().hex)
        case Forget(node):
            return written.Forget(queue, node)
        case _:
            return None


def _at_last(change: Change, now: float) -> Change:
    return replace(change, now=now) if isinstance(change, written.Claim) else change


def _check_room(group: Group, ended: int) -> None:
    if group.desired - ended <= group.minimum:
        raise Refused(f"{group.name} would fall below its minimum of {group.minimum}")


def _why_not(change: Change) -> str:
    if isinstance(change, written.Claim):
        return "its confirmation of this token is not there, or not fresh"
    return "its item has changed meanwhile"
