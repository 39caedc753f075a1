"""The capacity of an Auto Scaling group.

An instance is ended by TerminateInstanceInAutoScalingGroup, which takes it off the desired capacity
in the same request: choosing the victim and counting it cannot come apart. The request is sent once
(the client has no retries): each time it arrives it may take one off, and an instance short is a
slot that nobody starts again until the queue grows (buildkite-agent-scaler 350).

A launch sets the desired capacity, which AWS has no condition for. One that is sent late could be
lower than what another engine has set meanwhile, and Auto Scaling would then end instances of its
own choice. So the lease is looked at right before; an engine that is stopped between that look and
the sending is the window that is left, some microseconds wide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ops.aws import unattended
from ops.scaling.capacity import Refused, sorted_out

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from boto3.session import Session
    from mypy_boto3_autoscaling import AutoScalingClient

    from ops.scaling.model import Group
    from worker.fleet import Fleet

#: A change is answered within this, or it is not known whether it was made.
ANSWER_SECONDS: Final = 5.0
_TERMINATE: Final = "autoscaling:TerminateInstanceInAutoScalingGroup"
_SET: Final = "autoscaling:SetDesiredCapacity"


class AutoScalingCapacity:
    """Auto Scaling groups as `ops.scaling.capacity.Capacity`; safe between threads."""

    batch: Final = 1

    def __init__(self, client: AutoScalingClient) -> None:
        """`client` must send each request once (`of` makes it so)."""
        self._client = client

    @classmethod
    def of(
        cls, fleet: Fleet, connections: int = 10, session: Session | None = None
    ) -> AutoScalingCapacity:
        """Return one with a client of its own, without retries."""
        client: AutoScalingClient = unattended(
            "autoscaling",
            fleet,
            read_seconds=ANSWER_SECONDS,
            attempts=1,
            connections=connections,
            session=session,
        )
        return cls(client)

    def launch(self, group: Group, desired: int) -> None:
        """Raise the desired capacity; a cool-down of the group's own is not waited for."""
        try:
            self._client.set_desired_capacity(
                AutoScalingGroupName=group.name, DesiredCapacity=desired, HonorCooldown=False
            )
        except Exception as error:
            raise sorted_out(error, _SET) from error

    def end(
        self, group: Group, desired: int, nodes: Sequence[str], holds: Callable[[], bool]
    ) -> None:
        """Terminate one instance with its one decrement."""
        (node,) = nodes
        if desired <= group.minimum:
            raise Refused(f"{group.name} is at its minimum of {group.minimum}")
        if not holds():
            raise Refused("the lease has lapsed")
        self._terminate(node, decrement=True)

    def replace(self, group: Group, node: str, why: str) -> None:
        """Terminate an instance without a decrement, which may be sent as often as one likes."""
        self._terminate(node, decrement=False)

    def _terminate(self, node: str, *, decrement: bool) -> None:
        try:
            self._client.terminate_instance_in_auto_scaling_group(
                InstanceId=node, ShouldDecrementDesiredCapacity=decrement
            )
        except Exception as error:
            raise sorted_out(error, _TERMINATE) from error
