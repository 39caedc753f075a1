"""The whole fleet as its manifest declares it, and what follows from it: names, tags, routes."""

from collections.abc import Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    model_validator,
)

from worker.manifest.aws import Aws
from worker.manifest.checks import fleet_conflicts, is_glob, schedule_conflicts
from worker.manifest.fields import Bucket, Modules, Name, Region
from worker.manifest.frozen import frozen_mapping
from worker.manifest.problems import ConflictError, listed
from worker.manifest.queue import Queue
from worker.manifest.schedule import Schedule
from worker.manifest.services import Metrics, Results


class UnknownQueueError(LookupError):
    """A queue that the manifest does not name; `str()` is one line that names those it does."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(name, known)
        self.name = name
        self.known = known

    def __str__(self) -> str:
        close = get_close_matches(self.name, self.known, n=1)
        remedy = f"did you mean {close[0]}?" if close else "choose one of them"
        return f"expected a queue of the manifest ({listed(self.known)}), got {self.name}: {remedy}"


def _named(tables: Any) -> Any:
    """Fill in the name of each queue or schedule that is still a table: its key."""
    if not isinstance(tables, dict):
        return tables
    return {k: {"name": k, **t} if isinstance(t, dict) else t for k, t in tables.items()}


class Fleet(BaseModel):
    """All that a manifest declares, with the defaults filled in.

    Built in code it raises pydantic.ValidationError; `load` raises ManifestError.
    """

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", use_attribute_docstrings=True
    )

    name: Name
    """The fleet's name: the first part of every queue's name on SQS, and its fleet:name tag."""

    region: Region | None = None
    """The AWS region; AWS_REGION, then AWS_DEFAULT_REGION where it is left out."""

    imports: Modules = ()
    """Modules that define the tasks, such as ["app.tasks"]."""

    queues: Annotated[
        Mapping[str, Queue],
        Field(min_length=1),
        BeforeValidator(_named),
        AfterValidator(frozen_mapping),
        PlainSerializer(dict, return_type=dict[str, Queue]),
    ]
    """The queues by name, in the manifest's order."""

    schedules: Annotated[
        Mapping[str, Schedule],
        BeforeValidator(_named),
        AfterValidator(frozen_mapping),
        PlainSerializer(dict, return_type=dict[str, Schedule]),
    ] = Field(default_factory=dict)
    """The schedules by name."""

    payload_bucket: Bucket | None = None
    """The S3 bucket for arguments that are too large for SQS, under payloads/; none unless named,
    and what is too large is refused when it is sent."""

    results: Results | None = None
    """Where results are kept; nowhere unless said."""

    metrics: Metrics = Metrics()
    """Where a worker shows its metrics and its health."""

    aws: Aws = Aws()
    """The AWS account that `ops stack` puts the fleet into."""

    path: Path = Path("fleet.toml")
    """The file it was loaded from, as it was named."""

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        problems = fleet_conflicts(self.name, self.queues)
        problems += schedule_conflicts(self.schedules, self.route)
        if problems:
            raise ConflictError(problems)
        return self

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """Return itself: it is frozen through and through."""
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel to another process as plain tables, and be checked again there."""
        return type(self).model_validate, (
            {
                **{key: getattr(self, key) for key in type(self).model_fields},
                "queues": dict(self.queues),
                "schedules": dict(self.schedules),
            },
        )

    def queue(self, name: str) -> Queue:
        """Return the queue of that name; raise UnknownQueueError if the manifest has none."""
        try:
            return self.queues[name]
        except KeyError:
            raise UnknownQueueError(name, tuple(self.queues)) from None

    def physical_name(self, queue: str) -> str:
        """Return the queue's name on SQS: `{fleet}-{queue}`."""
        return f"{self.name}-{self.queue(queue).name}"

    def dead_letter_name(self, queue: str) -> str:
        """Return the name on SQS of the queue's dead-letter queue: `{fleet}-{queue}-dlq`."""
        return f"{self.physical_name(queue)}-dlq"

    @property
    def delay_queue_name(self) -> str:
        """The name on SQS of the queue where tasks wait that are due in more than 15 minutes."""
        return f"{self.name}-delayed"

    @property
    def delay_dead_letter_name(self) -> str:
        """The name on SQS of the queue for what came into the delay queue and is no task."""
        return f"{self.delay_queue_name}-dlq"

    @property
    def waiting_table(self) -> str:
        """The DynamoDB table that says what waits in the delay queue."""
        return f"{self.name}-waiting"

    @property
    def registry_table(self) -> str:
        """The DynamoDB table of the nodes and of the scaling engine."""
        return f"{self.name}-registry"

    @property
    def once_table(self) -> str:
        """The DynamoDB table of `worker.once`."""
        return f"{self.name}-once"

    @property
    def results_table(self) -> str:
        """The DynamoDB table of results, where the manifest keeps them there."""
        return f"{self.name}-results"

    def tags(self, queue: str) -> dict[str, str]:
        """Return the tags by which a queue on SQS, or its dead-letter queue, is known as ours."""
        return {"fleet:name": self.name, "fleet:queue": self.queue(queue).name}

    def route(self, task_name: str) -> str | None:
        """Return the name of the queue a task belongs to, or None if nothing matches it.

        An exact name wins over every glob; then the first glob in the manifest's order. Case
        counts.
        """
        exact = self._exact_routes.get(task_name)
        if exact is not None:
            return exact
        return next((q for glob, q in self._globs if fnmatchcase(task_name, glob)), None)

    @cached_property
    def _exact_routes(self) -> dict[str, str]:
        return {t: q.name for q in self.queues.values() for t in q.tasks if not is_glob(t)}

    @cached_property
    def _globs(self) -> tuple[tuple[str, str], ...]:
        return tuple((t, q.name) for q in self.queues.values() for t in q.tasks if is_glob(t))
