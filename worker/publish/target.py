"""What is called in bulk: a task, the signature of one, or a task's name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from celery import Celery, Task
from celery.canvas import Signature

from worker.publish.items import Call


@dataclass(frozen=True, slots=True)
class Target:
    """A task to be called, however it was named."""

    app: Celery
    name: str
    #: ``apply_async`` of the task or signature, or ``send_task`` of the name
    apply: Callable[..., Any]
    #: the task, where it can be imported
    task: Task | None = None
    #: what a signature brings
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    immutable: bool = False

    def merged(self, call: Call) -> tuple[Any, Any]:
        """Return the arguments of a call, with those of the signature as Celery joins them."""
        if self.immutable:
            return self.args, self.kwargs
        if not self.kwargs and not self.args:
            return call.args, call.kwargs
        return (*call.args, *self.args), {**self.kwargs, **call.kwargs}

    def times(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return countdown, eta and expires as they hold for a call with these options."""
        given = {**self.options, **options}
        return {
            "countdown": given.get("countdown"),
            "eta": given.get("eta"),
            "expires": given.get("expires", getattr(self.task, "expires", None)),
        }


def target(what: Task | Signature | str, app: Celery | None) -> Target:
    """Return what is to be called. Raises TypeError for what is none of the three."""
    if isinstance(what, str):
        return _of_name(what, app)
    if isinstance(what, Signature):
        return _of_signature(what)
    if isinstance(what, Task):
        return Target(what.app, what.name, what.apply_async, what)
    raise TypeError(f"expected a task, a signature or a task's name, found a {type(what).__name__}")


def _of_name(name: str, app: Celery | None) -> Target:
    if app is None:
        raise TypeError(f"{name}: expected the application that sends it, found none: give app=")
    return Target(app, name, lambda args, kwargs, **more: app.send_task(name, args, kwargs, **more))


def _of_signature(signature: Signature) -> Target:
    if signature.subtask_type is not None:
        raise TypeError(
            f"expected the signature of one task, found a {signature.subtask_type}: "
            "publish it within worker.publish.batching()"
        )
    if "task_id" in signature.options:
        raise TypeError(
            f"{signature.task}: expected a signature without a task id, found a frozen one: "
            "all its tasks would have the same"
        )
    return Target(
        signature.app,
        signature.task,
        signature.apply_async,
        signature.app.tasks.get(signature.task),
        tuple(signature.args),
        dict(signature.kwargs),
        dict(signature.options),
        bool(signature.immutable),
    )
