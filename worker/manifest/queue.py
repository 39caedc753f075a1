"""One queue of the manifest: its keys, their defaults, and what does not go together."""

from datetime import timedelta
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    model_validator,
)

from worker.manifest.checks import queue_conflicts
from worker.manifest.fields import Duration, Globs, QueueName, Size, between, no_boolean
from worker.manifest.nodes import Nodes
from worker.manifest.problems import ConflictError
from worker.manifest.scaling import Scaling, with_policies
from worker.manifest.units import format_duration

Pool = Literal["prefork", "threads", "solo"]

_HOUR = timedelta(hours=1)

#: SQS keeps a message for at most 14 days (SetQueueAttributes, MessageRetentionPeriod). A dead
#: letter that SQS has moved keeps its first sending time, so its source keeps less.
DEAD_LETTER_RETENTION: Final = timedelta(days=14)
LONGEST_RETENTION: Final = timedelta(days=13)


def _slots(known: dict[str, Any]) -> int:
    return 1 if known.get("pool") == "solo" else 4


def _time_limit(known: dict[str, Any]) -> timedelta:
    # Absent where it was wrong itself: the model is refused then, whatever is returned here.
    limit: timedelta = known.get("time_limit", _HOUR)
    return limit


def _with_policies(scaling: Scaling, info: ValidationInfo) -> Scaling:
    slo = info.data.get("slo")
    return with_policies(scaling, promised=slo is not None and slo.start_within is not None)


class Slo(BaseModel):
    """What the fleet promises of a queue."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", use_attribute_docstrings=True
    )

    start_within: Annotated[Duration, between("1s", "13d")] | None = None
    """The longest a task may wait before it starts: 1s to 13d."""


class Queue(BaseModel):
    """One queue and the workers that serve it.

    Durations are timedeltas of whole seconds, `max_memory_per_child` is bytes. Text is read as a
    manifest's (`lease="60s"`). Raises pydantic.ValidationError, also for values that contradict
    each other; `worker.fleet.load` turns it into a ManifestError.
    """

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", use_attribute_docstrings=True
    )

    name: QueueName
    """The queue's name inside the fleet: the key of its table."""

    tasks: Globs
    """Globs that route task names to this queue, such as ["mail.*"]; an exact name wins over a
    glob, then the manifest's order decides."""

    pool: Pool = "prefork"
    """How tasks run: in child processes, in threads, or one at a time in the worker itself."""

    concurrency: Annotated[int, Field(ge=1, le=1000)] = Field(default_factory=_slots)
    """Slots: tasks that run at once in one worker. 1 to 1000, 4 unless said otherwise;
    always 1 with solo."""

    prefetch: Annotated[Literal[1, "auto"], BeforeValidator(no_boolean)] = 1
    """Messages held a slot: 1, or "auto" to look ahead by about a second of measured work, at most
    ten messages a slot."""

    poll: Annotated[
        Duration, between("1s", "20s", high_reason="SQS holds a receive open for at most 20 s")
    ] = timedelta(seconds=20)
    """How long a receive waits for a message (WaitTimeSeconds): 1s to 20s."""

    lease: Annotated[
        Duration,
        between(
            "5s",
            "12h",
            low_reason="it is renewed every third of it",
            high_reason="SQS hides a message for at most 12 h from its receive",
        ),
    ] = timedelta(seconds=60)
    """The visibility timeout, renewed while a worker holds the message: 5s to 12h. After a crash
    the work is hidden for at most this long."""

    time_limit: Annotated[Duration, between("1s", "12h")] = _HOUR
    """The hard limit, from the task's start: at least 1s, and with the lease at most 12h."""

    soft_time_limit: Annotated[Duration, between("1s", "12h")] | None = None
    """When the task is told to end (SoftTimeLimitExceeded), from its start: at least 1s,
    below time_limit. Prefork only."""

    drain_budget: Annotated[Duration, between("0s", "12h")] = Field(default_factory=_time_limit)
    """How long running tasks may take to finish once a drain begins; what still runs then is handed
    back. 0s to 12h; as long as time_limit unless said otherwise."""

    max_receives: Annotated[int, Field(ge=2, le=1000)] = 8
    """Receives before SQS moves a message to the dead-letter queue (maxReceiveCount): 2 to 1000.
    Hand-backs at drains and interruptions cost receives; the default leaves room for them."""

    on_failure: Literal["dead_letter", "drop"] = "dead_letter"
    """What becomes of a task that fails for good: copied with its reason to the dead-letter queue,
    or deleted."""

    on_lost_lease: Literal["finish", "end"] = "finish"
    """What becomes of a task whose lease was lost, so that another worker may run it as well."""

    max_tasks_per_child: Annotated[int, Field(ge=1)] | None = None
    """Tasks a child process runs before it is replaced. Prefork only."""

    max_memory_per_child: Size | None = None
    """Resident memory above which a child process is replaced after its task: at least
    32MiB. Prefork only."""

    retention: Annotated[
        Duration,
        between(
            "1m",
            format_duration(LONGEST_RETENTION),
            low_reason="SQS keeps a message for at least 60 s",
            high_reason="a dead letter keeps its first sending time, and its queue keeps 14 d",
        ),
    ] = timedelta(days=4)
    """How long SQS keeps a message nobody finishes (MessageRetentionPeriod): 1m to 13d. The
    dead-letter queue always keeps 14d."""

    slo: Slo = Slo()
    """What the fleet promises of this queue."""

    runtime: Literal["ec2", "ecs"] = "ec2"
    """What its nodes are: instances of an Auto Scaling group, or tasks of an ECS service."""

    nodes: Nodes = Nodes()
    """How many nodes serve it, and how long one takes to begin."""

    scaling: Annotated[Scaling, AfterValidator(_with_policies)] = Field(
        default_factory=Scaling, validate_default=True
    )
    """How many of them it needs, and how fast that may change."""

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if problems := queue_conflicts(self):
            raise ConflictError(problems)
        return self
