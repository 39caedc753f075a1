"""Processes of Auto Scaling groups that are suspended once their stack is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.aws import aws_errors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_autoscaling import AutoScalingClient


def suspend(client: AutoScalingClient, wanted: Mapping[str, tuple[str, ...]]) -> None:
    """Suspend the processes, by group, that are not suspended yet. Raises OpsError."""
    with aws_errors("suspending processes of a group", service="autoscaling"):
        found = client.describe_auto_scaling_groups(AutoScalingGroupNames=list(wanted))
        for group in found["AutoScalingGroups"]:
            name = group["AutoScalingGroupName"]
            there = {one.get("ProcessName", "") for one in group.get("SuspendedProcesses", [])}
            missing = [process for process in wanted[name] if process not in there]
            if missing:
                client.suspend_processes(AutoScalingGroupName=name, ScalingProcesses=missing)
