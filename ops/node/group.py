"""The node's calls of Auto Scaling: its lifecycle hooks and its health."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from ops.aws import aws_errors, unattended
from ops.node.lifecycle import LEAVE
from ops.registry.table import code_of

if TYPE_CHECKING:
    from boto3.session import Session
    from mypy_boto3_autoscaling import AutoScalingClient

    from worker.fleet import Fleet

_READ_SECONDS: Final = 5.0
_ATTEMPTS: Final = 2
#: How Auto Scaling answers where the instance does not wait in the hook, or no longer, or the group
#: has none: "No active Lifecycle Action found", beside the code of every request it cannot take.
_NOT_WAITING: Final = "ValidationError"


class NotWaiting(Exception):
    """The instance does not wait in this hook."""


class Group:
    """One fleet's nodes' calls. Every call may raise OpsError."""

    def __init__(self, client: AutoScalingClient) -> None:
        self._client = client

    @classmethod
    def of(cls, fleet: Fleet, session: Session) -> Group:
        """Return one with a client of its own."""
        client: AutoScalingClient = unattended(
            "autoscaling", fleet, read_seconds=_READ_SECONDS, attempts=_ATTEMPTS, session=session
        )
        return cls(client)

    def heartbeat(self, group: str, instance: str) -> None:
        """Keep the leaving hook of an instance open. Raises NotWaiting."""
        with aws_errors(f"keeping {LEAVE} of {group}", service="autoscaling"), _waiting():
            self._client.record_lifecycle_action_heartbeat(
                LifecycleHookName=LEAVE, AutoScalingGroupName=group, InstanceId=instance
            )

    def complete(self, hook: str, group: str, instance: str) -> None:
        """Let an instance go on from a hook. Raises NotWaiting."""
        with aws_errors(f"completing {hook} of {group}", service="autoscaling"), _waiting():
            self._client.complete_lifecycle_action(
                LifecycleHookName=hook,
                AutoScalingGroupName=group,
                InstanceId=instance,
                LifecycleActionResult="CONTINUE",
            )

    def condemn(self, instance: str) -> None:
        """Have an instance replaced; also one whose grace has not run out."""
        with aws_errors(f"setting the health of {instance}", service="autoscaling"):
            self._client.set_instance_health(
                InstanceId=instance, HealthStatus="Unhealthy", ShouldRespectGracePeriod=False
            )


@contextmanager
def _waiting() -> Iterator[None]:
    from botocore.exceptions import ClientError  # noqa: PLC0415

    try:
        yield
    except ClientError as error:
        if code_of(error) == _NOT_WAITING:
            raise NotWaiting(str(error.response["Error"].get("Message", ""))) from None
        raise
