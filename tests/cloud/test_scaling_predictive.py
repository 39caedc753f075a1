"""AWS's predictive scaling as a policy on a group: what is wanted, found, and put."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.session import get_session
from botocore.validate import ParamValidator

from ops.errors import OpsError
from ops.scaling.predictive_aws import METRIC, Found, Wanted, apply, plan, read
from tests.cloud.scaling_account import Account
from tests.faulty import Faulty

WANTED = Wanted("media-mail", "media-mail-group", slots=4, service_seconds=30.0, boot_seconds=180)


def test_the_policy_is_of_the_shape_that_aws_takes() -> None:
    model = get_session().get_service_model("autoscaling")
    shape = model.shape_for("PredictiveScalingConfiguration")
    configuration = WANTED.configuration()
    assert not ParamValidator().validate(configuration, shape).has_errors()
    (specification,) = configuration["MetricSpecifications"]
    # Four slots, each done with two tasks a minute.
    assert specification["TargetValue"] == 8.0
    queries = [
        query
        for key in ("CustomizedLoadMetricSpecification", "CustomizedScalingMetricSpecification")
        for query in specification[key]["MetricDataQueries"]
    ]
    ids = [query["Id"] for query in queries]
    assert len(set(ids)) == len(ids)


def test_a_boot_longer_than_an_hour_is_less_than_the_forecasts_interval() -> None:
    slow = Wanted("q", "g", slots=1, service_seconds=1.0, boot_seconds=7200)
    assert slow.configuration()["SchedulingBufferTime"] == 3599


def test_it_is_put_once_corrected_and_removed(aws: str) -> None:
    with Faulty(aws) as proxy:
        account = Account(aws, proxy, ["mail"])
        account.create()
    client, group = account.client("autoscaling"), f"{account.name}-mail"
    wanted = Wanted(group, group, slots=4, service_seconds=30.0, boot_seconds=180)

    def steps_to(policy: Wanted | None) -> list[tuple[str, str | None, str | None]]:
        steps = plan({group: policy}, read(client, [group]))
        apply(client, steps, lambda _: None)
        assert plan({group: policy}, read(client, [group])) == ()
        return [(step.what, step.before, step.after) for step in steps]

    def told(messages: int) -> str:
        return f"ForecastAndScale, {messages} messages a minute a node, 180 s ahead"

    assert steps_to(wanted) == [
        (f"metric {METRIC}", None, "collected"),
        ("policy", None, told(8)),
    ]
    faster = Wanted(group, group, slots=4, service_seconds=15.0, boot_seconds=180)
    assert steps_to(faster) == [("policy", told(8), told(16))]
    assert steps_to(None) == [("policy", told(16), None)]


def test_what_aws_adds_of_its_own_is_no_difference() -> None:
    found: dict[str, Any] = {**WANTED.configuration(), "MaxCapacityBuffer": 0}
    has = {WANTED.group: Found(found, frozenset({METRIC}))}
    assert plan({WANTED.group: WANTED}, has) == ()
    other = {WANTED.group: Found({**found, "Mode": "ForecastOnly"}, frozenset({METRIC}))}
    assert [step.what for step in plan({WANTED.group: WANTED}, other)] == ["policy"]


def test_a_group_without_the_policy_that_wants_none_is_left_alone() -> None:
    assert plan({"g": None}, {"g": Found(None, frozenset())}) == ()


def test_a_group_that_is_not_there_is_said_so(aws: str) -> None:
    with Faulty(aws) as proxy:
        client = Account(aws, proxy, ["mail"]).client("autoscaling")
    with pytest.raises(OpsError, match="none-such: expected an Auto Scaling group, found none"):
        read(client, ["none-such"])
