"""Values of options that more than one noun takes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import click


class Duration(click.ParamType["timedelta"]):
    """A duration as the manifest writes it, within bounds that are given the same way."""

    name = "duration"

    def __init__(self, at_least: str = "0s", at_most: str = "365d", remedy: str = "") -> None:
        self.at_least = at_least
        self.at_most = at_most
        self.remedy = remedy

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """Return the duration, or end the command with what was expected of it."""
        from worker.manifest.problems import RefusedValueError  # noqa: PLC0415
        from worker.manifest.units import parse_duration  # noqa: PLC0415

        try:
            duration = parse_duration(value)
        except RefusedValueError as error:
            self.fail(f"{error}", param, ctx)
        if duration > parse_duration(self.at_most):
            self.fail(self._expected(f"at most {self.at_most}"), param, ctx)
        if duration < parse_duration(self.at_least):
            self.fail(self._expected(f"at least {self.at_least}"), param, ctx)
        return duration

    def _expected(self, bound: str) -> str:
        return f"expected {bound}: {self.remedy}" if self.remedy else f"expected {bound}"
