"""The policies a backtest knows by name: ours, and others' rules as their sources have them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from ops.scaling.backtest.rivals import buildkite
from ops.scaling.backtest.rivals.buildkite import Buildkite
from ops.scaling.backtest.rivals.case import Case
from ops.scaling.backtest.rivals.idle_timeout import IdleTimeout
from ops.scaling.backtest.rivals.keda import Keda
from ops.scaling.backtest.rivals.schedule import Schedule
from ops.scaling.backtest.rivals.simple import Simple
from ops.scaling.backtest.rivals.static import Static
from ops.scaling.backtest.rivals.target_tracking import TargetTracking
from ops.scaling.backtest.run import Fleet, Policy
from ops.scaling.decide import TICK_SECONDS

__all__ = ["HINDSIGHT", "POLICIES", "Case", "build", "tick_seconds"]


def _depth(case: Case) -> Policy:
    policy = Fleet(replace(case.settings, policies=frozenset({"depth"})))
    policy.name = "depth"
    return policy


POLICIES: Final[dict[str, Callable[[Case], Policy]]] = {
    "fleet": lambda case: Fleet(case.settings),
    "depth": _depth,
    "simple": Simple,
    "keda": lambda case: Keda(case, drains=False),
    "keda-drain": lambda case: Keda(case, drains=True),
    "buildkite": Buildkite,
    "idle-timeout": IdleTimeout,
    "target-tracking": TargetTracking,
    "static": Static,
    "schedule": Schedule,
}
HINDSIGHT: Final = frozenset({"static", "schedule"})
"""They are fitted to the very trace they are judged on."""


def build(name: str, case: Case) -> Policy:
    """Return a policy ready to run; KeyError for a name that is not in `POLICIES`."""
    return POLICIES[name](case)


def tick_seconds(name: str) -> float:
    """Return how often a policy looks."""
    return buildkite.TICK_SECONDS if name == "buildkite" else TICK_SECONDS
