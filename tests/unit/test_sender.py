"""A sender that sends nothing: what a signal's handler may do with it."""

from __future__ import annotations

import sys
import threading
from random import Random
from types import FrameType
from typing import Any

from worker.fleet import Fleet
from worker.sqs.client import Sqs
from worker.sqs.sender import Sender

FLEET = Fleet.model_validate(
    {"name": "acme", "region": "eu-west-1", "queues": {"mail": {"tasks": ["mail.*"]}}}
)


def test_an_interrupt_within_hurry_may_hurry_too() -> None:
    sender: Sender[int] = Sender(Sqs(FLEET), str, Random(1))
    within: list[str] = []

    def interrupt(frame: FrameType, event: str, _: Any) -> None:
        # As Python runs a signal's handler: between two steps of whatever is running.
        if not within and frame.f_code.co_name == "notify_all":
            within.append(event)
            sender.hurry()

    def hurry() -> None:
        sys.settrace(interrupt)
        try:
            sender.hurry()
        finally:
            sys.settrace(None)

    thread = threading.Thread(target=hurry, daemon=True)
    thread.start()
    thread.join(10)
    assert within == ["call"]
    assert not thread.is_alive()
