"""A task of a service, as ECS knows it and shows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from ops.local.ecs.host.seen import HEALTHY, UNHEALTHY, UNKNOWN, Account, Seen

RUNNING: Final = "RUNNING"
STOPPED: Final = "STOPPED"


@dataclass(slots=True)
class Task:
    """A task. `desired` is what ECS means it to be, RUNNING or STOPPED; times are in seconds since
    the epoch, None where it has not come to that; `generation` tells a service's deployments apart.
    """

    id: str
    service: Any
    definition: Any
    generation: int
    zone: str
    address: str
    created_at: float
    desired: str = RUNNING
    protected_until: float = 0.0
    account: Account = field(default_factory=Account)
    started_at: float | None = None
    stopping_at: float | None = None
    stopped_at: float | None = None
    stopped_reason: str = ""
    stop_code: str = ""

    @property
    def arn(self) -> str:
        """Its ARN."""
        kind, _, _ = self.service.cluster_arn.partition(":cluster/")
        return f"{kind}:task/{self.service.cluster_name}/{self.id}"

    @property
    def last_status(self) -> str:
        """How far it is on its way ("Amazon ECS task lifecycle", Developer Guide).

        Between RUNNING and STOPPING lies DEACTIVATING, in which a task is taken from its load
        balancers: it is over at once for one that has none.
        """
        if self.stopped_at is not None:
            return STOPPED
        if self.desired == STOPPED:
            return "STOPPING" if self.account.stopping else "DEACTIVATING"
        return RUNNING if self.started_at is not None else "PENDING"

    @property
    def health(self) -> str:
        """How it is by its essential containers' health checks (HealthCheck, API reference)."""
        found = {how for _, how in self._essential()}
        return next((each for each in (UNHEALTHY, UNKNOWN) if each in found), HEALTHY)

    @property
    def healthy(self) -> bool:
        """Whether a service counts it as healthy: it runs, and passes the checks that it has.

        ECS counts one without any after 40 seconds (DeploymentConfiguration, API reference).
        """
        passes = all(how == HEALTHY for checked, how in self._essential() if checked)
        return self.last_status == RUNNING and passes

    @property
    def since(self) -> float:
        """When it came to its last status; what is on its way to its end, when that began."""
        last = (self.stopped_at, self.stopping_at, self.started_at, self.created_at)
        return next(at for at in last if at is not None)

    def protected(self, now: float) -> bool:
        """Whether no scale-in may end it."""
        return now < self.protected_until

    def stop(self, now: float, reason: str, code: str) -> None:
        """Have it be one that is to end; why, only if it was not before."""
        if self.desired != STOPPED:
            self.desired, self.stopping_at = STOPPED, now
            self.stopped_reason, self.stop_code = reason, code

    def _essential(self) -> list[tuple[bool, str]]:
        """Return of each essential container whether it is checked, and its health."""
        known = {each.name: each.health for each in self.account.containers}
        return [
            (bool(each.get("healthCheck")), known.get(each["name"], UNKNOWN))
            for each in self.definition.container_definitions
            if each.get("essential", True)
        ]

    def shown(self) -> dict[str, Any]:
        """Return it as DescribeTasks does."""
        definition = self.definition
        found: dict[str, Any] = {
            "taskArn": self.arn,
            "clusterArn": self.service.cluster_arn,
            "taskDefinitionArn": definition.arn,
            "group": f"service:{self.service.name}",
            "startedBy": f"ecs-svc/{self.generation}",
            "launchType": "FARGATE",
            "availabilityZone": self.zone,
            "connectivity": "CONNECTED",
            "cpu": definition.cpu,
            "memory": definition.memory,
            "desiredStatus": self.desired,
            "lastStatus": self.last_status,
            "healthStatus": self.health,
            "attachments": [self._interface()] if self.address else [],
            "containers": [self._container(each) for each in definition.container_definitions],
            "tags": self.service.tags if self.service.propagate_tags == "SERVICE" else [],
        }
        for name, at in (
            ("createdAt", self.created_at),
            ("startedAt", self.started_at),
            ("stoppingAt", self.stopping_at),
            ("stoppedAt", self.stopped_at),
        ):
            if at is not None:
                found[name] = datetime.fromtimestamp(at, UTC)
        if self.stopped_reason:
            found["stoppedReason"] = self.stopped_reason
        if self.stop_code:
            found["stopCode"] = self.stop_code
        return {name: value for name, value in found.items() if value is not None}

    def _interface(self) -> dict[str, Any]:
        return {
            "type": "ElasticNetworkInterface",
            "status": "ATTACHED" if self.stopped_at is None else "DELETED",
            "details": [{"name": "privateIPv4Address", "value": self.address}],
        }

    def _container(self, of: dict[str, Any]) -> dict[str, Any]:
        known = {each.name: each for each in self.account.containers}
        seen = known.get(of["name"], Seen(of["name"]))
        found: dict[str, Any] = {
            "containerArn": f"{self.arn.replace(':task/', ':container/')}/{of['name']}",
            "taskArn": self.arn,
            "name": of["name"],
            "image": of.get("image"),
            "lastStatus": seen.status if self.stopped_at is None else STOPPED,
            "healthStatus": seen.health,
        }
        if seen.exit_code is not None:
            found["exitCode"] = seen.exit_code
        if seen.reason:
            found["reason"] = seen.reason
        return {name: value for name, value in found.items() if value is not None}
