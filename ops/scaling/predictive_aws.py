"""AWS's own predictive scaling as a policy on a queue's group: wanted, found, and the difference.

A queue with `predict = "aws"` has one policy, `fleet-predict`; the group of one without has none.
It forecasts hourly for two days out of up to 14 days of history, launches `boot` before the hour,
and never takes anything away (EC2 Auto Scaling User Guide, "How predictive scaling works").

The load is what arrives: the messages sent in an hour. AWS's example for a queue forecasts the
messages that are visible, of which a fleet that keeps up has none: the better it is scaled, the
less there is to forecast. What arrives does not depend on capacity, as a load metric must not.

The scaling metric is what arrives a minute for each node in service, which falls as the group
grows, as a scaling metric must; the target is what one node gets done in a minute, its slots by the
queue's measured service time. Its divisor needs the group's own metrics (`EnableMetricsCollection`
of GroupInServiceInstances), without which CloudWatch has no data and AWS forecasts nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ops.aws import aws_errors
from ops.errors import OpsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_autoscaling import AutoScalingClient

POLICY: Final = "fleet-predict"
#: The group metric that the scaling metric divides by.
METRIC: Final = "GroupInServiceInstances"
#: SchedulingBufferTime is below the forecast's interval of an hour (API reference).
_BUFFER_AT_MOST_SECONDS: Final = 3599
_SERVICE: Final = "autoscaling"
#: What follows from measured times moves by itself: a number this near to the one there is, is it.
_NEAR: Final = 0.1
_MEASURED: Final = {"TargetValue", "SchedulingBufferTime"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """The policy a group is to have."""

    queue: str
    """The queue's physical name."""
    group: str
    slots: int
    service_seconds: float
    """How long a task of this queue runs on average, measured; above zero."""
    boot_seconds: float

    def configuration(self) -> dict[str, Any]:
        """Return it as PutScalingPolicy takes it and DescribePolicies gives it back."""
        return {
            "MetricSpecifications": [
                {
                    "TargetValue": round(self.slots * 60 / self.service_seconds, 3),
                    "CustomizedLoadMetricSpecification": {
                        "MetricDataQueries": [_sent("load", self.queue)]
                    },
                    "CustomizedScalingMetricSpecification": {
                        "MetricDataQueries": [
                            {**_sent("sent", self.queue), "ReturnData": False},
                            {**_in_service("nodes", self.group), "ReturnData": False},
                            {"Id": "each", "Expression": "sent / nodes", "ReturnData": True},
                        ]
                    },
                }
            ],
            "Mode": "ForecastAndScale",
            "SchedulingBufferTime": min(round(self.boot_seconds), _BUFFER_AT_MOST_SECONDS),
            # The manifest's maximum is an order, and not AWS's to raise.
            "MaxCapacityBreachBehavior": "HonorMaxCapacity",
        }


@dataclass(frozen=True, slots=True)
class Found:
    """What a group has of it now."""

    configuration: Mapping[str, Any] | None
    """None: it has no policy of this name."""
    metrics: frozenset[str]
    """The group metrics that are collected."""


@dataclass(frozen=True, slots=True)
class Step:
    """One change, told as what there is and what there is to be; None is nothing."""

    group: str
    what: str
    before: str | None
    after: str | None
    configuration: Mapping[str, Any] | None = None


def read(client: AutoScalingClient, groups: Sequence[str]) -> dict[str, Found]:
    """Return what each of these groups has. Raises OpsError, also where one does not exist."""
    found = {}
    for name in groups:
        with aws_errors(f"reading {name}", service=_SERVICE):
            answer: Any = client.describe_auto_scaling_groups(AutoScalingGroupNames=[name])
            policies: Any = client.describe_policies(
                AutoScalingGroupName=name, PolicyNames=[POLICY]
            )["ScalingPolicies"]
        if not answer["AutoScalingGroups"]:
            raise OpsError(f"{name}: expected an Auto Scaling group, found none: create it first")
        (described,) = answer["AutoScalingGroups"]
        metrics = (each.get("Metric", "") for each in described.get("EnabledMetrics", ()))
        configuration = policies[0].get("PredictiveScalingConfiguration", {}) if policies else None
        found[name] = Found(configuration, frozenset(metrics))
    return found


def plan(wanted: Mapping[str, Wanted | None], found: Mapping[str, Found]) -> tuple[Step, ...]:
    """Return what differs, by group; None is wanted of a group that is to have no such policy.

    A policy of another name is not ours, and stays. A target or a boot within a tenth of what is
    wanted is no difference. Pure.
    """
    steps: list[Step] = []
    for group, policy in wanted.items():
        has = found[group]
        if policy is None:
            if has.configuration is not None:
                steps.append(Step(group, "policy", _told(has.configuration), None))
            continue
        if METRIC not in has.metrics:
            steps.append(Step(group, f"metric {METRIC}", None, "collected"))
        to_be = policy.configuration()
        if has.configuration is None or not _same(to_be, has.configuration):
            before = None if has.configuration is None else _told(has.configuration)
            steps.append(Step(group, "policy", before, _told(to_be), to_be))
    return tuple(steps)


def apply(client: AutoScalingClient, steps: Sequence[Step], begins: Callable[[str], None]) -> None:
    """Take the steps; `begins` hears of each before it is taken. Raises OpsError."""
    for step in steps:
        doing = f"setting {step.what} of {step.group}"
        begins(doing)
        with aws_errors(doing, service=_SERVICE):
            if step.what != "policy":
                client.enable_metrics_collection(
                    AutoScalingGroupName=step.group, Metrics=[METRIC], Granularity="1Minute"
                )
            elif step.configuration is None:
                client.delete_policy(AutoScalingGroupName=step.group, PolicyName=POLICY)
            else:
                configuration: Any = step.configuration
                client.put_scaling_policy(
                    AutoScalingGroupName=step.group,
                    PolicyName=POLICY,
                    PolicyType="PredictiveScaling",
                    PredictiveScalingConfiguration=configuration,
                )


def _sent(id: str, queue: str) -> dict[str, Any]:
    metric = {
        "Namespace": "AWS/SQS",
        "MetricName": "NumberOfMessagesSent",
        "Dimensions": [{"Name": "QueueName", "Value": queue}],
    }
    return {"Id": id, "MetricStat": {"Metric": metric, "Stat": "Sum"}}


def _in_service(id: str, group: str) -> dict[str, Any]:
    metric = {
        "Namespace": "AWS/AutoScaling",
        "MetricName": METRIC,
        "Dimensions": [{"Name": "AutoScalingGroupName", "Value": group}],
    }
    return {"Id": id, "MetricStat": {"Metric": metric, "Stat": "Average"}}


def _same(wanted: Any, found: Any) -> bool:
    """Whether AWS has what is wanted; what it adds of its own (defaults) is no difference."""
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(
            (_near if key in _MEASURED else _same)(value, found.get(key))
            for key, value in wanted.items()
        )
    if isinstance(wanted, (list, tuple)):
        return len(wanted) == len(found or ()) and all(map(_same, wanted, found))
    return bool(wanted == found)


def _near(wanted: float, found: Any) -> bool:
    return isinstance(found, (int, float)) and abs(found - wanted) <= _NEAR * wanted


def _told(configuration: Mapping[str, Any]) -> str:
    """Return a policy in a few words."""
    (specification, *_) = configuration.get("MetricSpecifications") or [{}]
    target = specification.get("TargetValue", "?")
    buffer = configuration.get("SchedulingBufferTime", 300)
    mode = configuration.get("Mode", "ForecastOnly")
    return f"{mode}, {target:g} messages a minute a node, {buffer} s ahead"
