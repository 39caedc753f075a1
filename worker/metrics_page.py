"""The metrics page: a registry in Prometheus's text format.

prometheus_client's own writer sorts and escapes the labels of every line anew; here a line's
labels are written once in the life of its series.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from prometheus_client import CollectorRegistry

#: Prometheus, "Exposition formats": text format 0.0.4
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_HELP_ESCAPES: Final = str.maketrans({"\\": r"\\", "\n": r"\n"})
_VALUE_ESCAPES: Final = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


class Page:
    """Writes one registry. Not for several threads at once."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._labels: dict[tuple[tuple[str, str], ...], str] = {}

    def write(self) -> bytes:
        """Return the page."""
        lines: list[str] = []
        for family in self._registry.collect():
            counter = family.type == "counter"
            name = f"{family.name}_total" if counter else family.name
            lines.append(f"# HELP {name} {family.documentation.translate(_HELP_ESCAPES)}")
            lines.append(f"# TYPE {name} {family.type}")
            lines += [
                f"{sample.name}{self._written(sample.labels)} {sample.value}"
                for sample in family.samples
            ]
        # What a task raises may be named by half a character.
        return ("\n".join(lines) + "\n").encode("utf-8", "replace")

    def _written(self, labels: Mapping[str, str]) -> str:
        key = tuple(labels.items())
        written = self._labels.get(key)
        if written is None:
            pairs = ",".join(f'{name}="{v.translate(_VALUE_ESCAPES)}"' for name, v in sorted(key))
            written = self._labels[key] = f"{{{pairs}}}" if pairs else ""
        return written
