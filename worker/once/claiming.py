"""The two ends of a run: its claim before the effect, and its record after it."""

from __future__ import annotations

import json
import logging
import time
from datetime import timedelta
from random import Random
from typing import Any

from worker.manifest.units import format_duration
from worker.once import items
from worker.once.errors import Busy, LostClaim, OnceError, ResultNotKept, Unusable
from worker.once.keys import shown
from worker.once.store import Store, Taken
from worker.sqs.backoff import wait_seconds

logger = logging.getLogger("worker.once")


def claim_or_record(
    store: Store, key: str, holder: items.Holder, *, ttl: timedelta, wait: timedelta
) -> items.Claim | items.Found:
    """Claim a key, waiting for another run of it; return the claim, or the record it has left.

    Raises Busy when the wait is over, Unavailable and Unusable.
    """
    deadline = time.monotonic() + wait.total_seconds()
    rng = Random()  # noqa: S311
    looks = 0
    while True:
        claim = items.Claim(key, holder, time.time(), ttl.total_seconds())
        answer = _asked(store, claim)
        if answer is Taken.OVER:
            logger.warning(
                "once %s: an earlier run did not finish: its effect may come twice", shown(key)
            )
        if isinstance(answer, Taken):
            return claim
        if answer is not None and answer.done:
            return answer
        looks += 1
        pause = min(wait_seconds(looks, rng), deadline - time.monotonic())
        if pause <= 0:
            raise Busy(
                f"once: {shown(key)}: expected the other run ({_who(answer)}) to finish within "
                f"{format_duration(wait)}, it has not: try again later"
            )
        time.sleep(pause)


def _asked(store: Store, claim: items.Claim) -> Taken | items.Found | None:
    try:
        return store.claim(claim)
    except Unusable:
        raise
    except BaseException:
        # No answer, or a soft time limit before it came: the claim may be there.
        store.give_up(claim)
        raise


def finish(store: Store, claim: items.Claim, result: Any) -> Any:
    """Record that the effect has happened; return its result, as later callers will have it.

    What cannot be recorded, or kept, is said in the log and no error: a task that failed would be
    run again. Raises LostClaim where another run has taken over and is at work.
    """
    now = time.time()
    kept = items.Result(None, "the run was interrupted")
    try:
        kept = items.encode(result)
        lost_to = _recorded(store, claim, kept, now)
    except BaseException:
        # A soft time limit or an interrupt: the effect has happened all the same.
        _recorded(store, claim, kept, now)
        raise
    if lost_to is not None and not lost_to.done:
        raise LostClaim(
            f"once: {shown(claim.key)}: expected the claim to be ours still, found it taken over "
            f"({_who(lost_to)}): the effect has happened here and may happen there"
        )
    if lost_to is not None:
        logger.warning("once %s: done twice: another run took over meanwhile", shown(claim.key))
        return kept_result(claim.key, lost_to)
    if kept.text is None:
        logger.error("once %s: the result is not kept: %s", shown(claim.key), kept.unkept)
        return result
    return json.loads(kept.text)


def _recorded(
    store: Store, claim: items.Claim, kept: items.Result, now: float
) -> items.Found | None:
    try:
        return store.record(claim, items.finished(claim, kept, now), now)
    except OnceError as error:
        logger.error(
            "once %s: done and not recorded, so a later run will do it again: %s",
            shown(claim.key),
            error,
        )
        return None


def kept_result(key: str, found: items.Found) -> Any:
    """Return the result that a record keeps. Raises ResultNotKept."""
    if found.result.text is None:
        raise ResultNotKept(
            f"once: {shown(key)}: done before, and its result was not kept: {found.result.unkept}: "
            f"return JSON of at most {items.RESULT_AT_MOST_BYTES} bytes, or nothing"
        )
    return json.loads(found.result.text)


def _who(found: items.Found | None) -> str:
    if found is None or found.message_id is None:
        return "not known"
    return f"{found.task or 'no task'}, message {found.message_id}, receive {found.receives}"
