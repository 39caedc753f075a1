"""`keda`, `keda-drain`: KEDA's scaler for SQS behind Kubernetes' horizontal pod autoscaler.

Sources: KEDA 2.15, scalers/aws-sqs (visible + in flight against `queueLength`, `scaleOnInFlight`
true) and reference/scaledobject-spec (polling each 30 s, `cooldownPeriod` 300 s before the last
replica goes); Kubernetes 1.31, pkg/controller/podautoscaler: replica_calculator.go,
GetExternalPerPodMetricReplicas (`ceil(metric / target)` unless the ratio is within 10 % of 1), and
the defaults of `behavior`: up at once, by 4 pods or 100 % in 15 s, down to the largest
recommendation of the last 300 s. A replica set takes pods that are not ready first, and of the
others any.

One pod fills one node, which boots as ours do, and `queueLength` is its slots. `keda` is as it
comes: a pod has 30 s to end, which tasks of minutes do not notice. `keda-drain` gives pods all the
time they want; a pod that was told to end cannot be kept, and another is started in its place.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Final

from ops.scaling.backtest.machine import Machine
from ops.scaling.backtest.rivals.case import Case, full_nodes, victims

TICK_SECONDS: Final = 15.0
POLLING_SECONDS: Final = 30.0
COOLDOWN_SECONDS: Final = 300.0
STABILIZATION_SECONDS: Final = 300.0
TOLERANCE: Final = 0.1
PODS_A_PERIOD: Final = 4


class Keda:
    """KEDA's operator from and to nothing, the pod autoscaler in between."""

    def __init__(self, case: Case, *, drains: bool) -> None:
        self.name = "keda-drain" if drains else "keda"
        self._case = case
        self._drains = drains
        self._rng = case.rng()
        self._recommended: deque[tuple[float, int]] = deque()
        """Until when each recommendation was made, and what it was."""
        self._ticked_at = -math.inf
        self._active = False
        self._active_at = -math.inf
        self._polls_at = -math.inf
        self._latest = 0

    def tick(self, machine: Machine) -> bool:
        """One sync of the autoscaler."""
        now, replicas = machine.now, machine.desired
        metric = machine.visible + machine.in_flight
        if self._active:
            # While nothing happened there were no ticks, and there was as much to do.
            self._active_at = now - TICK_SECONDS
        self._active = metric > 0
        if metric > 0:
            self._active_at = now
        wanted = self._polled(now, replicas, metric)
        if wanted is None:
            wanted = self._synced(now, replicas, metric) if replicas else 0
        self._ticked_at = now
        if wanted > replicas:
            machine.launch(wanted - replicas)
        elif wanted < replicas:
            self._take(machine, replicas - wanted)
        return wanted != replicas

    def wakes_at(self, now: float) -> float:
        """Return when a recommendation that holds it up is forgotten, or the cooldown ends."""
        times = [at + STABILIZATION_SECONDS for at, n in self._recommended if n > self._latest]
        times.append(self._active_at + COOLDOWN_SECONDS)
        return min(
            (at + TICK_SECONDS for at in times if at >= now - TICK_SECONDS), default=math.inf
        )

    def _polled(self, now: float, replicas: int, metric: int) -> int | None:
        """What the operator does: the step from nothing, and the one to nothing."""
        lowest = self._case.bounded(0)
        if replicas == 0:
            if now < self._polls_at:
                return 0
            self._polls_at = now + POLLING_SECONDS
            return self._case.bounded(1) if metric > 0 else lowest
        if metric == 0 and lowest == 0 and now - self._active_at >= COOLDOWN_SECONDS:
            self._recommended.clear()
            return 0
        return None

    def _synced(self, now: float, replicas: int, metric: int) -> int:
        target = self._case.settings.slots
        wanted = replicas
        if abs(1.0 - metric / (target * replicas)) > TOLERANCE:
            wanted = full_nodes(metric, target)
        wanted = self._latest = self._case.bounded(wanted, at_least=1)
        recommended = self._recommended
        if recommended and self._ticked_at > recommended[-1][0]:
            recommended[-1] = (self._ticked_at, recommended[-1][1])
        # While nothing happened there were no ticks, and the last recommendation stood.
        if recommended and now - recommended[-1][0] > TICK_SECONDS:
            recommended[-1] = (now - TICK_SECONDS, recommended[-1][1])
        recommended.append((now, wanted))
        while recommended[0][0] < now - STABILIZATION_SECONDS:
            recommended.popleft()
        if wanted > replicas:
            return min(wanted, replicas + max(PODS_A_PERIOD, replicas))
        return min(replicas, max(n for _, n in recommended))

    def _take(self, machine: Machine, count: int) -> None:
        for node in victims(machine, count, self._rng):
            if self._drains:
                machine.retire(node.id)
            else:
                machine.end(node.id)
