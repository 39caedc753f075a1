"""The forwarder as a scheduled Lambda: `ops.queues.forward_lambda:handler`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final, Protocol

from ops.errors import OpsError
from ops.queues.forward import start
from worker.fleet import load

#: Kept back from the function's timeout: for the messages in hand, and for the table.
KEPT_BACK_SECONDS: Final = 15.0


class Context(Protocol):
    """The part of Lambda's context that is used."""

    def get_remaining_time_in_millis(self) -> int:
        """Return the time left."""


def handler(_event: Mapping[str, Any], context: Context) -> dict[str, int]:
    """Move on what the delay queue shows, until it shows nothing or the time is nearly over.

    The manifest is the one `FLEET_MANIFEST` names, else `fleet.toml` beside the code. Returns the
    counts of what was moved. Raises OpsError and ManifestError, so that Lambda counts an error:
    also where SQS did not answer, or messages that are due could not be moved on.
    """
    logging.getLogger().setLevel(logging.INFO)
    left_seconds = context.get_remaining_time_in_millis() / 1000 - KEPT_BACK_SECONDS
    forward = start(load(None), once=True, within_seconds=left_seconds)
    forward.forwarder.wait(left_seconds)
    forward.end()
    if forward.forwarder.error is not None:
        raise forward.forwarder.error
    counts = forward.tally.as_data()
    if counts["failed"]:
        raise OpsError(
            f"{counts['failed']} messages could not be moved on and are tried again, "
            f"{counts['delivered']} were delivered: the log says why"
        )
    return counts
