"""One schedule of the manifest: when a task is sent by itself."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)

from worker.manifest.cron import Cron, Zone
from worker.manifest.fields import Name, tuple_of_list
from worker.manifest.frozen import frozen_mapping, plain
from worker.manifest.problems import RefusedValueError

#: EventBridge Scheduler takes 256 KB of input (its quotas page); the envelope wants some of it.
ARGUMENTS_AT_MOST_BYTES = 200_000


def _wire(value: Any) -> Any:
    """Refuse what JSON cannot carry: TOML's dates and times, inf and nan."""
    try:
        text = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        raise RefusedValueError(
            "texts, finite numbers, booleans, lists and tables",
            "write dates and times as texts (arguments travel as JSON)",
        ) from None
    if len(text.encode()) > ARGUMENTS_AT_MOST_BYTES:
        raise RefusedValueError(
            f"at most {ARGUMENTS_AT_MOST_BYTES} bytes as JSON", "pass a reference to it instead"
        )
    return value


class Schedule(BaseModel):
    """A task that is sent at the times of a cron expression, with fixed arguments."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", use_attribute_docstrings=True
    )

    name: Name
    """The schedule's name: the key of its table."""

    cron: Cron
    """Five fields of cron: minute, hour, day of month, month, day of week."""

    timezone: Zone = "UTC"
    """The IANA time zone the times are meant in, such as "Europe/Berlin"."""

    task: Annotated[str, Field(min_length=1, max_length=1024)]
    """The task's name; the queue whose globs match it gets the message."""

    args: Annotated[
        tuple[Any, ...],
        BeforeValidator(tuple_of_list),
        AfterValidator(_wire),
        WithJsonSchema({"type": "array"}),
    ] = ()
    """The task's positional arguments."""

    kwargs: Annotated[
        Mapping[str, Any],
        AfterValidator(_wire),
        AfterValidator(frozen_mapping),
        PlainSerializer(plain, return_type=dict[str, Any]),
        WithJsonSchema({"type": "object"}),
    ] = Field(default_factory=dict)
    """The task's keyword arguments."""

    enabled: bool = True
    """false keeps it in the file and sends nothing."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel to another process as a plain table, and be checked again there."""
        return type(self).model_validate, (
            {
                **{key: getattr(self, key) for key in type(self).model_fields},
                "kwargs": dict(self.kwargs),
            },
        )
