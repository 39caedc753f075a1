"""What this project adds to moto beside machines: stacks, events, clocks, functions, the record."""

from __future__ import annotations

import io
import random
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ops.local import (
    moto_autoscaling_settings,
    moto_codedeploy,
    moto_ecs_settings,
    moto_s3_absent,
    moto_sqs_policy,
)
from ops.local.admin import Admin, App, Request
from ops.local.asked import asked
from ops.local.cloudformation import api
from ops.local.events import Events
from ops.local.faults import Faults
from ops.local.lambdas import mend
from ops.local.lambdas.functions import Functions
from ops.local.record import Record, calls
from ops.local.timed.rules import Rules
from ops.local.timed.schedules import Schedules
from ops.local.timed.ticker import Ticker


class Cloud:
    """All of it, in the process that serves the local AWS at `url`.

    Without a `folder` no function runs and no call is recorded. `minute_seconds` is how long a
    minute lasts for rates and retries. `ticker` does what is due by the clock.
    """

    def __init__(self, url: str, admin: Admin, folder: Path | None, minute_seconds: float) -> None:
        moto_autoscaling_settings.mend()
        moto_codedeploy.mend()
        moto_ecs_settings.mend()
        moto_sqs_policy.mend()
        api.mend(url)
        self._faults = Faults(random.Random())  # noqa: S311  # who fails is no secret
        admin.add("faults", self._faults.answer)
        self._record: Record | None = None
        self._functions: Functions | None = None
        if folder is not None:
            self._record = Record(folder)
            self._functions = Functions(folder, url, minute_seconds)
            mend.mend(self._functions)

            def recorded(_: Request) -> Any:
                return {"calls": [asdict(call) for call in calls(folder)]}

            admin.add("calls", recorded)
        self.ticker = Ticker()
        self.ticker.add(Rules(Events(self._functions), minute_seconds))
        self.ticker.add(Schedules(url, minute_seconds))
        admin.add("clock", self.ticker.answer)
        self.ticker.start()

    def before(self, app: App) -> App:
        """Return an application that records calls and answers some with faults, before `app`."""
        inner = self._faults.before(moto_s3_absent.before(app))
        if self._record is not None:
            inner = self._record.before(inner)

        def call(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            if self._record is not None or self._faults.any:
                body = _read(environ)
                environ["fleet.asked"] = asked(environ, body)
            return inner(environ, start_response)

        return call

    def close(self) -> None:
        """End the processes of functions."""
        if self._functions is not None:
            self._functions.close()


def _read(environ: dict[str, Any]) -> bytes:
    """Read a request's body and put it back; one in chunks is left to moto."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    if not length:
        return b""
    body: bytes = environ["wsgi.input"].read(length)
    environ["wsgi.input"] = io.BytesIO(body)
    return body
