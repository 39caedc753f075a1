"""What the loading process tells: the application, or why it cannot be loaded."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import TypeAdapter

from ops.doctor.snapshot import Application


@dataclass(frozen=True, slots=True)
class Answer:
    """An application, or an error of one line."""

    application: Application | None = None
    error: str = ""


def written(answer: Answer) -> bytes:
    """Return an answer as JSON."""
    return TypeAdapter(Answer).dump_json(answer)


def read(text: bytes) -> Answer:
    """Read what `written` wrote. Raises ValueError."""
    return TypeAdapter(Answer).validate_json(text)
