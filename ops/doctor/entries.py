"""Beat's schedule as entries that a manifest can carry, each with what it cannot."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ops.doctor.crons import Untranslatable, cron_of_fields, cron_of_interval
from ops.doctor.snapshot import Entry

if TYPE_CHECKING:
    from celery import Celery


def entries(app: Celery) -> Iterator[Entry]:
    """Return the entries of `beat_schedule`, also those of `add_periodic_task`."""
    for name, entry in (app.conf.beat_schedule or {}).items():
        told = entry if isinstance(entry, Mapping) else vars(entry)
        options = dict(told.get("options") or {})
        queue = options.pop("queue", None)
        cron, problem = _cron(told.get("schedule"))
        args, kwargs = tuple(told.get("args") or ()), dict(told.get("kwargs") or {})
        if not problem and not _carried([list(args), kwargs]):
            cron, args, kwargs = None, (), {}
            problem = "its arguments are not texts, numbers, booleans, lists and tables of them"
        yield Entry(
            name=str(name),
            task=str(told.get("task")),
            cron=cron,
            problem=problem,
            args=args if cron else (),
            kwargs=kwargs if cron else {},
            queue=None if queue is None else str(getattr(queue, "name", queue)),
            left_out=tuple(sorted(str(key) for key in options)),
        )


def _cron(schedule: Any) -> tuple[str | None, str]:
    from celery.schedules import crontab, maybe_schedule  # noqa: PLC0415
    from celery.schedules import schedule as interval  # noqa: PLC0415

    try:
        found = maybe_schedule(schedule)
        if isinstance(found, crontab):
            fields = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
            return cron_of_fields(**{name: getattr(found, name) for name in fields}), ""
        if isinstance(found, interval):
            return cron_of_interval(found.run_every.total_seconds()), ""
    except Untranslatable as error:
        return None, str(error)
    return None, f"is a {type(found).__name__}, which is neither a crontab nor an interval"


def _carried(value: Any) -> bool:
    """Say whether TOML can write a value: JSON's kinds, but for null."""
    if isinstance(value, list | tuple):
        return all(map(_carried, value))
    if isinstance(value, Mapping):
        return all(isinstance(k, str) and _carried(v) for k, v in value.items())
    if not isinstance(value, str | int | float):
        return False
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        return False
    return True
