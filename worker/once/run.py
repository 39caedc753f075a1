"""`once`: around the body of a task, or a step of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from random import Random
from typing import Any, Final, ParamSpec, TypeVar, cast

from celery import current_app

from worker.manifest.problems import RefusedValueError
from worker.manifest.units import format_duration, parse_duration
from worker.once import items, keys
from worker.once.claiming import claim_or_record, finish, kept_result
from worker.once.holder import fleet_of, holder_of
from worker.once.store import Patience, Store

P = ParamSpec("P")
R = TypeVar("R")

#: The attribute of an application under which its store is kept.
_STORE: Final = "_fleet_once_store"

_LIMITS: Final = {
    "ttl": (timedelta(minutes=1), timedelta(days=3660)),
    "wait": (timedelta(0), timedelta(hours=1)),
    "longest": (timedelta(seconds=1), timedelta(hours=12)),
}


class once:  # noqa: N801
    """Have an effect happen once for a key, and answer who comes later with its result.

    As a decorator the key is a text with fields for the arguments, or a function of them; `run`
    takes the key itself:

        @shared_task(autoretry_for=(NotNow,), retry_backoff=5)
        @once("mail:{statement_id}", ttl="30d")
        def mail(statement_id): ...

        receipt = once(f"charge:{order}", ttl="30d").run(charge, order, amount)

    `ttl` is how long the record is kept, from its end. `wait` is how long to wait for another run
    of the key. `longest` is how long the effect takes at most where no task's time limit says so:
    outside a worker. All three are durations as in the manifest, or timedeltas.

    A result is JSON of at most 100 KiB, and comes back as JSON: a tuple as a list. What raises is
    taken as not having happened. Raises BadKey, Busy, Unavailable, Unusable, ResultNotKept before
    the effect, LostClaim after it, and what the effect raises.
    """

    def __init__(
        self,
        key: keys.Key,
        *,
        ttl: str | timedelta,
        wait: str | timedelta = timedelta(seconds=5),
        longest: str | timedelta = timedelta(hours=1),
    ) -> None:
        if not isinstance(key, str) and not callable(key):
            raise TypeError(
                f"once: key: expected a text or a function of the arguments, got {key!r:.80}: "
                "write it as a text"
            )
        self._key = key
        self._ttl = _duration("ttl", ttl)
        self._wait = _duration("wait", wait)
        self._longest = _duration("longest", longest)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Decorate a function: the body of a task, beneath the task's own decorator."""
        _check_body(function)
        signature = inspect.signature(function)
        key_of = keys.for_calls(self._key, signature, _name(function))

        @wraps(function)
        def body(*args: P.args, **kwargs: P.kwargs) -> R:
            return self._once(key_of(*args, **kwargs), lambda: function(*args, **kwargs))

        # Celery looks no further than this for the arguments that a task takes.
        body.__signature__ = signature  # type: ignore[attr-defined]
        return body

    def run(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call a function with the arguments, unless the effect has happened; return its result."""
        _check_body(function)
        key = keys.for_one_call(self._key, args, kwargs)
        return self._once(key, lambda: function(*args, **kwargs))

    def _once(self, key: str, effect: Callable[[], R]) -> R:
        app = current_app._get_current_object()
        store = _store(app)
        holder = holder_of(app, store.fleet, self._longest)
        claim = claim_or_record(store, key, holder, ttl=self._ttl, wait=self._wait)
        if isinstance(claim, items.Found):
            return cast(R, kept_result(key, claim))
        try:
            result = effect()
        except BaseException:
            store.give_up(claim)
            raise
        return cast(R, finish(store, claim, result))


def _store(app: Any) -> Store:
    """Return the application's store: one client for all of its keys."""
    fleet = fleet_of(app)
    own: dict[str, Any] = vars(app)
    store: Store = own.setdefault(_STORE, Store(fleet, Random(), Patience()))  # noqa: S311
    if store.fleet is not fleet:  # the application was put on another manifest since
        store = own[_STORE] = Store(fleet, Random(), Patience())  # noqa: S311
    return store


def _duration(name: str, value: str | timedelta) -> timedelta:
    low, high = _LIMITS[name]
    try:
        duration = parse_duration(value)
    except RefusedValueError as error:
        found = repr(value) if error.found is None else error.found
        raise ValueError(
            f"once: {name}: expected {error.expected}, got {found}: {error.remedy}"
        ) from None
    if not low <= duration <= high:
        raise ValueError(
            f"once: {name}: expected {format_duration(low)} to {format_duration(high)}, "
            f"got {format_duration(duration)}"
        )
    return duration


def _check_body(function: Any) -> None:
    if hasattr(function, "apply_async"):
        raise TypeError(
            f"once: expected a function, got the task {function.name}: "
            "put @once beneath the task's own decorator"
        )
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        raise TypeError(
            f"once: expected a function that returns its result, got {_name(function)}, which "
            "is a coroutine or a generator: wrap what it does in a plain function"
        )


def _name(function: Any) -> str:
    return getattr(function, "__name__", type(function).__name__)
