"""Fifty tasks that do nothing, for the metrics page."""

from celery import shared_task

NAMES = [f"bench.names.task_{number:02}" for number in range(50)]


def _noop() -> None:
    """Do nothing."""


for _name in NAMES:
    shared_task(name=_name)(_noop)
