"""How the engine scales a queue: policies, limits to a step, and windows of time."""

from datetime import timedelta
from typing import Annotated, Final, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)

from worker.manifest.cron import Cron, Zone
from worker.manifest.fields import Duration, between, tuple_of_list
from worker.manifest.nodes import MOST_NODES, Count
from worker.manifest.problems import ConflictError, RefusedValueError
from worker.manifest.window_checks import window_conflicts

Policy = Literal["depth", "age"]

#: More are a calendar, which a file of cron expressions is the wrong place for.
MOST_WINDOWS: Final = 50

_WORDS = ("auto", "off")


def _headroom(value: object) -> object:
    if isinstance(value, str) and value in _WORDS:
        return value
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_NODES:
        return value
    raise RefusedValueError(
        f'"auto", "off" or a number of nodes from 0 to {MOST_NODES}', "choose one of them"
    )


def _some_policy(value: object) -> object:
    if value in ([], ()):
        raise RefusedValueError(
            'at least one of "depth" and "age"',
            "remove it; for a fixed number of nodes set nodes.min and nodes.max to it",
        )
    return tuple_of_list(value)


def _few(value: object) -> object:
    if isinstance(value, list | tuple) and len(value) > MOST_WINDOWS:
        raise RefusedValueError(f"at most {MOST_WINDOWS} windows", "remove some", str(len(value)))
    return tuple_of_list(value)


def with_policies(scaling: "Scaling", *, promised: bool) -> "Scaling":
    """Fill in the policies where the manifest names none; the field stays marked as a default."""
    if scaling.policies:
        return scaling
    policies: tuple[Policy, ...] = ("age",) if promised else ("depth",)
    values = {**dict(scaling), "policies": policies}
    return Scaling.model_construct(scaling.model_fields_set, **values)


class ScalingWindow(BaseModel):
    """A time that comes again, in which a queue has other bounds."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", use_attribute_docstrings=True
    )

    begins: Cron
    """When it begins: five fields of cron, in its time zone."""

    ends: Cron
    """When it ends, in the same way: the first such time after it began."""

    timezone: Zone = "UTC"
    """The IANA time zone of both times, such as "America/New_York"."""

    min: Count | None = None
    """The fewest nodes while it is in force."""

    max: Count | None = None
    """The most nodes while it is in force."""

    desired: Count | None = None
    """At least so many nodes while it is in force, as far as the bounds let it."""

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if problems := list(window_conflicts(self)):
            raise ConflictError(problems)
        return self


class Scaling(BaseModel):
    """How many nodes a queue needs, and how fast that may change."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", use_attribute_docstrings=True
    )

    policies: Annotated[tuple[Policy, ...], Field(min_length=1), BeforeValidator(_some_policy)] = (
        Field(default_factory=tuple)
    )
    """What the number of nodes follows: "depth" gives every message a slot, "age" starts the
    oldest within slo.start_within; with both, the larger. Age where slo.start_within is given,
    else depth, unless said otherwise."""

    predict: Literal["auto", "off", "aws"] = "auto"
    """Launch ahead of the work: our own forecast where it has earned it on this queue's history,
    never, or by a predictive scaling policy on the Auto Scaling group."""

    headroom: Annotated[
        int | Literal["auto", "off"],
        BeforeValidator(_headroom),
        WithJsonSchema(
            {
                "anyOf": [
                    {"enum": list(_WORDS)},
                    {"type": "integer", "minimum": 0, "maximum": MOST_NODES},
                ]
            }
        ),
    ] = "auto"
    """Free nodes kept for what comes next: a number, none, or "auto" for some only where
    slo.start_within is shorter than nodes.boot."""

    in_time: Annotated[float, Field(ge=0.5, le=0.999)] = 0.95
    """The share of tasks that "auto" headroom lets start within slo.start_within: 0.5 to 0.999. The
    last per cents cost the most: see `ops scaling backtest --frontier`."""

    step_up: Annotated[int, Field(ge=1, le=MOST_NODES)] = 100
    """The most nodes one tick launches: 1 to 5000."""

    step_down: Annotated[int, Field(ge=1, le=MOST_NODES)] = 50
    """The most nodes one tick asks to pause: 1 to 5000."""

    cool_down: Annotated[Duration, between("0s", "1h")] = timedelta(0)
    """The least time from a launch to the next pause: 0s to 1h."""

    windows: Annotated[
        tuple[ScalingWindow, ...],
        Field(max_length=MOST_WINDOWS),
        BeforeValidator(_few),
    ] = ()
    """Times that come again, in which the queue has other bounds; at most 50."""
