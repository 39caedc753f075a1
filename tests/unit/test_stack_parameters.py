"""The parameters of templates: what of a queue's nodes is on demand, on a service."""

from __future__ import annotations

import pytest

from ops.stack.compose import queue
from tests.unit.stack_fleets import ACCOUNT, plain

SERVICE = 'runtime = "ecs"\nnodes.image = "reg.test/a:1"'


@pytest.mark.parametrize(
    ("base", "percent", "told"),
    [
        (0, 0, ("0", "0", "100")),
        (0, 25, ("0", "25", "75")),
        (2, 25, ("2", "25", "75")),
        (2, 100, ("2", "100", "0")),
        # A provider without weight may not even get its base.
        (2, 0, ("2", "1", "1000")),
    ],
)
def test_a_base_on_demand_is_placed(base: int, percent: int, told: tuple[str, str, str]) -> None:
    nodes = f"nodes.on_demand_base = {base}\nnodes.on_demand_percent = {percent}"
    fleet = plain("", f"{SERVICE}\n{nodes}\nnodes.max = 5")
    parameters = queue(fleet, "mail", ACCOUNT).parameters
    names = ("OnDemandBase", "OnDemandPercent", "SpotPercent")
    assert tuple(parameters[name] for name in names) == told
