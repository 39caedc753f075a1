"""The agent: looks, takes a step, does what it says, and waits; until a signal ends it.

It stops no worker at its end: the node goes on as it is, and the next agent from what was kept.
A task of ECS is stopped as a whole: its agent sees the workers off first, and leaves the registry.
"""

from __future__ import annotations

import threading
import time
from random import Random
from typing import TYPE_CHECKING, Any, Final

from ops.errors import OpsError
from ops.node.actions import Withdraw
from ops.node.bounds import FIRST_ANSWER_SECONDS, LOOK_SECONDS
from ops.node.doing import Doing, Hands
from ops.node.hearing import Ear
from ops.node.keeping import Keeper
from ops.node.sight import Result, Sight
from ops.node.stance import stance
from ops.node.steps import ended, steps
from ops.node.talk import account
from worker.drain import Phase, Plan

if TYPE_CHECKING:
    from ops.node.memory import Memory, Settings
    from ops.waking import Waking
    from worker.notify import Supervisor

#: Less than who asks waits for an answer on a socket (`worker.control.TIMEOUT_SECONDS`).
_WITHDRAW_SECONDS: Final = 4.5


class Agent:
    """One node's agent. `run` is for the main thread."""

    def __init__(
        self,
        settings: Settings,
        hands: Hands,
        waking: Waking,
        supervisor: Supervisor | None = None,
    ) -> None:
        self._settings = settings
        self._hands = hands
        self._waking = waking
        self._supervisor = supervisor
        self._rng = Random()  # noqa: S311
        self._doing = Doing(hands, waking.wake)
        self._keeper = Keeper(settings.name)
        self._ear = Ear(settings.name, self._answer)
        self._told: dict[str, Any] = {
            "node": None,
            "queue": settings.queue,
            "well": False,
            "reasons": ["its agent has just started"],
            "workers": [],
        }
        self._unkept = ""
        self._asked = threading.Event()
        self._withdrawing = threading.Lock()
        self._withdrawn: Result | None = None
        self._answered = threading.Event()

    def run(self) -> None:
        """Look after the node until an end is asked for. Raises OpsError where it cannot begin."""
        self._ear.open()
        try:
            self._run()
        finally:
            self._doing.close()
            self._ear.close()

    def _run(self) -> None:
        memory = self._keeper.recall()
        began = time.monotonic()
        at_once: tuple[Result, ...] = ()
        asked, now = False, began
        while not (asked and ended(self._doing.place, memory, now)):
            now = time.monotonic()
            sight = self._sight(at_once, ending=asked)
            actions, memory = steps(sight, memory, now, self._rng, self._settings)
            self._keep(memory)
            at_once = self._doing.do(actions)
            self._tell(sight, memory, now, began)
            # What failed is tried again at the next look, and not without a pause.
            news = any(not result.trouble for result in at_once)
            self._waking.rest(0.0 if news else LOOK_SECONDS / 2)
            asked = self._waking.asked_by is not None
        self._notify(now, Plan(Phase.LEAVING), "ending; the worker goes on")

    def _sight(self, at_once: tuple[Result, ...], *, ending: bool) -> Sight:
        doing = self._doing
        news = doing.news()
        for result in news:
            if isinstance(result.action, Withdraw):
                self._asked.clear()
                self._withdrawn = result
                self._answered.set()
        return Sight(
            wall=time.time(),
            place=doing.place,
            looked=doing.looked,
            noticed=doing.noticed,
            results=(*at_once, *news),
            busy=doing.busy,
            withdrawing=self._asked.is_set(),
            ending=ending,
        )

    def _keep(self, memory: Memory) -> None:
        trouble = ""
        try:
            self._keeper.keep(memory)
        except OSError as error:
            # Without its file, whose name is another one each time: the same is told once.
            why = error.strerror or str(error)
            trouble = f"what was heard could not be kept beside the workers' sockets: {why}"
        if trouble and trouble != self._unkept:
            self._hands.say(trouble)
        self._unkept = trouble

    def _tell(self, sight: Sight, memory: Memory, now: float, began: float) -> None:
        stands = stance(memory, sight.noticed, now)
        said = account(sight, stands, memory, now, self._settings)
        self._told = said
        # The worker's unit waits for this one: it is not to be waited for in turn.
        spoken = memory.speech.attempts > 0 or stands.warm
        begun = spoken or now - began >= FIRST_ANSWER_SECONDS
        status = "; ".join(said["reasons"]) or memory.topics.get("stance", "")
        self._notify(now, Plan(), status, ready=begun)

    def _notify(self, now: float, plan: Plan, status: str, *, ready: bool = True) -> None:
        if self._supervisor is not None:
            self._supervisor.tell(now, plan, ready=ready, fit=True, status=status)

    # -- from the socket's threads ---------------------------------------------------------------

    def _answer(self, verb: str) -> dict[str, Any]:
        return self._told if verb == "status" else self._withdraw()

    def _withdraw(self) -> dict[str, Any]:
        with self._withdrawing:
            self._answered.clear()
            self._asked.set()
            self._waking.wake()
            if not self._answered.wait(_WITHDRAW_SECONDS):
                self._asked.clear()
                raise OpsError("the registry has not answered: the node stays as it is; try again")
            result = self._withdrawn
        if result is None or result.trouble or result.heard is None:
            raise OpsError(f"the node stays as it is: {result.trouble if result else 'no answer'}")
        if result.heard.claimed:
            raise OpsError("the node's end is claimed: it stays paused, and is replaced if needed")
        return {"wanted": str(result.heard.wanted)}
