"""`ops scaling`: how many nodes each queue has, and why. The verbs are in `ops.cli.scaling_*`."""

from __future__ import annotations

import click

from ops.cli.scaling_backtest import backtest
from ops.cli.scaling_history import history
from ops.cli.scaling_journal import explain, replay
from ops.cli.scaling_pin import pin, unpin
from ops.cli.scaling_policy import policy
from ops.cli.scaling_predictive import predictive
from ops.cli.scaling_run import plan, run


@click.group()
def scaling() -> None:
    """Scale the queues' nodes; show, change and try out how."""


for _verb in (policy, pin, unpin, plan, run, explain, replay, predictive, backtest, history):
    scaling.add_command(_verb)
