"""What the fleet uses beside SQS: where results go, and where a worker shows its metrics."""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from worker.manifest.fields import Bucket, Duration, between
from worker.manifest.problems import ConflictError, Problem


class Results(BaseModel):
    """Where the results of tasks are kept."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", use_attribute_docstrings=True
    )

    backend: Literal["dynamodb", "s3"]
    """Celery's backend for results: the table {fleet}-results, or the bucket."""

    bucket: Bucket | None = None
    """The bucket of results; with backend = "s3" only."""

    expires: Annotated[Duration, between("1h", "365d")] = timedelta(days=1)
    """How long a result is kept: 1h to 365d. S3 deletes by whole days."""

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if self.backend == "s3" and self.bucket is None:
            raise ConflictError(
                [Problem("bucket", 'expected a bucket with backend = "s3", got none', "name one")]
            )
        if self.backend != "s3" and self.bucket is not None:
            raise ConflictError(
                [Problem("bucket", 'expected backend = "s3" with a bucket', "remove it")]
            )
        return self


class Metrics(BaseModel):
    """Where a worker answers for its metrics and its health, over HTTP."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", use_attribute_docstrings=True
    )

    host: Annotated[str, Field(min_length=1, max_length=253)] = "127.0.0.1"
    """The address it listens on; "0.0.0.0" for a Prometheus on another machine."""

    port: Annotated[int, Field(ge=0, le=65535)] = 9464
    """The port; where it is taken, and with 0, any that is free (`ops node status` tells)."""
