"""An operator's hold on a node: its workers stay paused, whoever asks for what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ops.errors import OpsError
from ops.node.hearing import ask
from worker import holds
from worker.control import Unreachable

if TYPE_CHECKING:
    from ops.node.local import Worker

_REASON = "held by ops node pause"


def hold(workers: Sequence[Worker]) -> None:
    """Hold the nodes of these workers. Raises OpsError."""
    for name in _names(workers):
        try:
            holds.hold(name, holds.By.OPERATOR, _REASON)
        except OSError as error:
            raise OpsError(f"{name}: expected to write its hold, found: {error}") from None


def let_go(workers: Sequence[Worker]) -> None:
    """Hold the nodes of these workers no longer. Raises OpsError."""
    for name in _names(workers):
        try:
            holds.let_go(name, holds.By.OPERATOR)
        except OSError as error:
            raise OpsError(f"{name}: expected to remove its hold, found: {error}") from None


def take_back(workers: Sequence[Worker]) -> None:
    """Take the nodes of these workers back from the scaling engine, where agents speak for them.

    Raises OpsError where that was refused, or nobody can say: the node then stays paused, since its
    end may be claimed.
    """
    for name in _names(workers):
        try:
            answer = ask(name, "withdraw")
        except Unreachable:
            answer = None
        paused = holds.reason(name, holds.By.AGENT)
        if answer is None and paused is not None:
            raise OpsError(
                f"{name}: expected its agent, which paused it ({paused}), found none that answers: "
                "it stays paused; start the agent (systemctl start fleet-agent) and run it again"
            )
        if answer is not None and answer.get("ok") is not True:
            raise OpsError(f"{name}: {answer.get('error')}")


def _names(workers: Sequence[Worker]) -> list[str]:
    return sorted({worker.queue for worker in workers})
