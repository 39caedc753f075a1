"""An application on the fleet's broker that publishes: its manifest and its tasks."""

from __future__ import annotations

from typing import Any

from celery import Celery

from worker.fleet import Fleet
from worker.settings import celery_settings

FLEET = {
    "name": "acme",
    "region": "eu-west-1",
    "queues": {"mail": {"tasks": ["mail.*"]}, "other": {"tasks": ["other.*"]}},
}


def _send(a: Any, b: Any = None) -> None:
    """Take one argument or two."""


def _take(*args: Any, **kwargs: Any) -> None:
    """Take anything."""


def make_app(**settings: Any) -> Celery:
    """Return an application of its own with a few tasks of the queue ``mail``."""
    app = Celery("publish", set_as_current=False)
    app.conf.update(celery_settings(Fleet.model_validate(FLEET)), **settings)
    app.task(name="mail.send", shared=False)(_send)
    app.task(name="mail.limited", shared=False, expires=60, time_limit=9, ignore_result=True)(_send)
    app.task(name="mail.any", shared=False)(_take)
    app.finalize()
    return app
