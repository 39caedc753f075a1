"""The short way to a message like the last one: what a bulk's calls share is made once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from numbers import Real
from pathlib import Path
from typing import Any, Final

import celery
from celery.signals import before_task_publish
from celery.utils import uuid
from celery.utils.saferepr import saferepr

from worker.publish.items import Call
from worker.publish.message import CatchingProducer, Prepared
from worker.publish.target import Target
from worker.settings import Router

#: The headers that hold a time, reckoned anew for each call.
_TIMES: Final = ("eta", "expires")


def is_plain(target: Target, options: Mapping[str, Any], made: Prepared) -> bool:
    """Whether nothing of the application's own has a say in each single message.

    Where it has (a receiver of ``before_task_publish``, a router, an ``apply_async`` or
    ``shadow_name`` of its own, or one that a tracing library has put in Celery's place), every
    message is made by ``apply_async`` itself. ``made`` is the first of them.
    """
    app, task = target.app, target.task
    functions: list[Callable[..., Any]] = [
        app.send_task,
        app.amqp.send_task_message,
        app.amqp.as_task_v2,
    ]
    if task is not None:
        functions += [task.apply_async, task.shadow_name]
    return (
        not before_task_publish.receivers
        and all(isinstance(route, Router) for route in app.amqp.routes)
        and all(map(_is_celerys, functions))
        and "compression" not in made.headers
        and getattr(task, "_dump_pydantic_arguments", None) is None
        and (isinstance(target.times(options)["expires"], Real) or made.headers["expires"] is None)
    )


def _is_celerys(function: Callable[..., Any]) -> bool:
    """Whether a function's code is in Celery's package: a wrapper's, whatever its name, is not."""
    code = getattr(function, "__code__", None)
    return code is not None and Path(code.co_filename).is_relative_to(Path(celery.__file__).parent)


class Template:
    """Makes messages from one that Celery made for another call of the same bulk."""

    def __init__(
        self,
        target: Target,
        options: Mapping[str, Any],
        producer: CatchingProducer,
        made: Prepared,
    ) -> None:
        amqp = target.app.amqp
        self._target = target
        self._producer = producer
        self._made = made
        self._is_root = made.headers["root_id"] == made.headers["id"]
        task = target.task
        self._check = task.__header__ if task is not None and task.typing else None
        self._as_task = amqp.as_task_v2
        times = target.times(options)
        self._times = {**times, "origin": made.headers["origin"]}
        self._timed = any(value is not None for value in times.values())
        levels = target.app.conf.task_repr_maxlevels
        self._args_repr = partial(saferepr, maxlen=amqp.argsrepr_maxsize, maxlevels=levels)
        self._kwargs_repr = partial(saferepr, maxlen=amqp.kwargsrepr_maxsize, maxlevels=levels)
        self._expect_result = None
        if not made.headers["ignore_result"]:
            self._expect_result = target.app.backend.on_task_call

    def make(self, call: Call) -> Prepared:
        """Return the message of a call. Raises what ``apply_async`` raises of its arguments."""
        args, kwargs = self._target.merged(call)
        if self._check is not None:
            self._check(*args, **kwargs)
        task_id = call.task_id or uuid()
        headers = {
            **self._made.headers,
            "id": task_id,
            "argsrepr": self._args_repr(args),
            "kwargsrepr": self._kwargs_repr(kwargs) if kwargs else "{}",
        }
        if self._timed:
            # A countdown ends later for each call; what a time is and says, Celery knows.
            fresh = self._as_task(
                task_id, self._target.name, argsrepr="", kwargsrepr="", **self._times
            ).headers
            headers |= {key: fresh[key] for key in _TIMES}
        if self._is_root:
            headers["root_id"] = task_id
        if self._expect_result is not None:
            self._expect_result(self._producer, task_id)
        return self._producer.like(self._made, (args, kwargs, self._made.body[2]), headers)
