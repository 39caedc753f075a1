"""An operator's hold on a node: its workers stay paused, whoever asks for what."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from ops.errors import OpsError
from ops.node.hearing import ask
from worker import holds
from worker.control import Unreachable, directory

if TYPE_CHECKING:
    from ops.node.local import Worker

_REASON = "held by ops node pause"
#: Several looks of an agent, which has one a second.
_SEEN_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 0.05


def hold(workers: Sequence[Worker]) -> None:
    """Hold the nodes of these workers. Raises OpsError."""
    for name in _names(workers):
        try:
            holds.hold(name, holds.By.OPERATOR, _REASON)
        except OSError as error:
            raise _denied(f"write the hold of {name}", error) from None


def let_go(workers: Sequence[Worker]) -> None:
    """Hold the nodes of these workers no longer. Raises OpsError."""
    for name in _names(workers):
        try:
            holds.let_go(name, holds.By.OPERATOR)
        except OSError as error:
            raise _denied(f"remove the hold of {name}", error) from None


def _denied(what: str, error: OSError) -> OpsError:
    # Without its file, whose name is another one each time.
    return OpsError(
        f"{directory()}: expected to {what}, found: {error.strerror or error}: see that this user "
        "may write there, and that the disk has room"
    )


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


def await_resumed(workers: Sequence[Worker], *, whole: bool) -> list[str]:
    """Wait until the agents here have seen that these workers receive, as a ping after it tells.

    `whole` is false where only some of a node's workers were resumed. Returns a line for each node
    whose agent still says otherwise after a few of its looks; who has no agent is not waited for.
    """
    deadline = time.monotonic() + _SEEN_SECONDS
    unseen = {
        name: [each.pid for each in workers if each.queue == name] for name in _names(workers)
    }
    while True:
        why = {
            name: found for name, pids in unseen.items() if (found := _paused(name, pids, whole))
        }
        if not why or time.monotonic() > deadline:
            return [f"{name}: its agent says still: {found}" for name, found in why.items()]
        unseen = {name: unseen[name] for name in why}
        time.sleep(_LOOK_SECONDS)


def _paused(name: str, pids: Sequence[int], whole: bool) -> str:
    """Return why an agent takes a node for paused, "" where it does not."""
    try:
        said = ask(name, "status")
    except Unreachable:
        said = None
    if said is None or said.get("ok") is not True:
        return ""
    if whole and not said["receives"]:
        return str(said["because"])
    still = [each["pid"] for each in said["workers"] if each["phase"] == "paused"]
    return ", ".join(f"worker {pid} is paused" for pid in still if pid in pids)


def _names(workers: Sequence[Worker]) -> list[str]:
    return sorted({worker.queue for worker in workers})
