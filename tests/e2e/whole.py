"""A whole local fleet for a test, worked as a person does: by `ops`, in a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ops.local.process import Child, start
from tests.e2e.whole_desk import PATIENCE_SECONDS, REGION, until
from tests.e2e.whole_node import Nodes
from tests.e2e.whole_work import NAME

__all__ = ["NAME", "PATIENCE_SECONDS", "REGION", "Whole", "until", "whole"]


@dataclass
class Whole(Nodes):
    """A folder with a manifest and an application, its local AWS, and the engines over it."""

    engines: list[Child] = field(default_factory=list)

    def engine(self) -> Child:
        """Start an engine that ticks every two seconds."""
        child = start(
            "engine",
            self.command("scaling", "run", "--every", "2s"),
            env=self.environ(),
            cwd=self.folder,
            log=self.engine_log,
        )
        self.engines.append(child)
        return child

    def close(self) -> None:
        for engine in self.engines:
            engine.end()
        self.ops("local", "down")


@contextmanager
def whole(folder: Path) -> Iterator[Whole]:
    """A folder for a fleet; whatever of it is up at the end is ended."""
    (folder / "app").mkdir(parents=True)
    found = Whole(folder / "app")
    try:
        yield found
    finally:
        found.close()
