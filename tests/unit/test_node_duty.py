"""What a node owes on hearing what is wanted of it."""

from __future__ import annotations

import itertools

import pytest

from ops.node.duty import Duty, Standing, duty
from ops.registry.word import Heard
from ops.scaling.model import Wanted

BUSY = Standing(receiving=True, idle=False)
IDLE = Standing(receiving=True, idle=True)
PAUSED_BUSY = Standing(receiving=False, idle=False)
PAUSED_IDLE = Standing(receiving=False, idle=True)
HELD = Standing(receiving=False, idle=True, held=True)

PAUSE = Heard(Wanted.PAUSE, "t2", confirmed="t1")


@pytest.mark.parametrize(
    ("heard", "standing", "owed"),
    [
        (None, IDLE, Duty(receive=False)),
        (Heard(), PAUSED_IDLE, Duty(receive=True)),
        (Heard(), BUSY, Duty(receive=True)),
        (Heard(), HELD, Duty(receive=False)),
        (PAUSE, BUSY, Duty(receive=False)),
        # It pauses first, and confirms at a later word: a task may be on its way.
        (PAUSE, IDLE, Duty(receive=False)),
        (PAUSE, PAUSED_BUSY, Duty(receive=False)),
        (PAUSE, PAUSED_IDLE, Duty(receive=False, confirm="t2")),
        (PAUSE, HELD, Duty(receive=False)),
        (Heard(Wanted.PAUSE, "t2", confirmed="t2"), PAUSED_IDLE, Duty(receive=False)),
        (Heard(Wanted.RUN, "t3", confirmed="t2"), PAUSED_IDLE, Duty(receive=True)),
        (Heard(Wanted.END, "t2", claimed=True), PAUSED_IDLE, Duty(receive=False)),
    ],
)
def test_what_is_owed(heard: Heard | None, standing: Standing, owed: Duty) -> None:
    assert duty(heard, standing) == owed


def test_what_never_happens() -> None:
    truths = (False, True)
    for wanted, claimed, receiving, idle, held in itertools.product(
        Wanted, truths, truths, truths, truths
    ):
        owed = duty(Heard(wanted, "t", claimed), Standing(receiving, idle, held))
        if claimed or wanted is not Wanted.RUN or held:
            assert not owed.receive
        if owed.confirm:
            assert wanted is Wanted.PAUSE
            assert idle
            assert not any((claimed, receiving, held))
