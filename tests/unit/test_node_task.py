"""An agent that is asked to end in a task of ECS: it sees the workers off and leaves, in time."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from ops.node.actions import Action, Complete, Leave, Say, Tell
from ops.node.bounds import LAST_WORD_SECONDS
from ops.node.sight import Kind, Looked, Noticed, Place, Sight
from ops.node.steps import ended, steps
from ops.stack.yaml_reading import template
from tests.unit.node_agent_parts import PLACE, RUNNING, SETTINGS, WALL, World
from worker.manifest.nodes import TASK_DRAIN, TASK_STOP

TASK = Place("0123456789abcdef", Kind.TASK, "media-video")


class Stopped(World):
    """A task of ECS that has worked, and is stopped now."""

    def __init__(self, place: Place = TASK) -> None:
        super().__init__(RUNNING)
        self.ending = False
        self.budget = SETTINGS.drain_budget_seconds
        self.place = place
        self.steps(3)
        self.ending = True

    def step(self, seconds: float = 1.0) -> list[Action]:
        """Let some time pass, and take a step; return what it does but for what it says."""
        self.now += seconds
        sight = Sight(
            wall=WALL + self.now,
            place=self.place,
            looked=Looked(self.now, self.workers),
            # A task has no metadata service.
            noticed=Noticed(self.now, self.target) if self.place is PLACE else None,
            results=self._results,
            ending=self.ending,
        )
        settings = replace(SETTINGS, drain_budget_seconds=self.budget)
        actions, self.memory = steps(sight, self.memory, self.now, Random(1), settings)
        self._results = tuple(self.result(action) for action in actions)
        return [action for action in actions if not isinstance(action, Say)]

    @property
    def over(self) -> bool:
        return ended(self.place, self.memory, self.now)


@pytest.mark.parametrize(("budget", "within"), [(600.0, TASK_DRAIN.total_seconds()), (9.0, 9.0)])
def test_its_workers_are_to_be_done_before_ecs_kills_them(budget: float, within: float) -> None:
    task = Stopped()
    task.budget = budget
    (drain,) = [each for each in task.step() if isinstance(each, Tell)]
    assert (drain.verb, drain.within_seconds) == ("drain", within)
    assert drain.reason == "agent: its task is stopped"
    assert not task.over
    # Later steps bring the end no nearer and put it off no further.
    task.workers = (replace(RUNNING, phase="draining", deadline=within - 1),)
    assert not [each for each in task.steps(3) if isinstance(each, Tell)]


def test_it_stays_while_they_run_and_then_leaves_the_registry() -> None:
    task = Stopped()
    task.workers = (replace(RUNNING, phase="draining", deadline=90.0),)
    task.steps(5)
    assert not task.over
    task.workers = ()
    done = task.steps(2)
    assert Leave() in done
    assert not [each for each in done if isinstance(each, Complete)]
    assert task.over


def test_a_registry_that_does_not_answer_does_not_keep_it() -> None:
    task = Stopped()
    task.broken[Leave] = "denied"
    task.workers = ()
    task.step()
    task.step(LAST_WORD_SECONDS - 1)
    assert not task.over
    task.step(1)
    assert task.over


def test_an_instances_agent_ends_and_its_workers_go_on() -> None:
    instance = Stopped(PLACE)
    assert instance.over
    assert not [each for each in instance.steps(3) if isinstance(each, Tell | Leave)]


def test_the_template_gives_the_time_that_is_counted_on() -> None:
    document = template("queue-ecs")
    containers = document["Resources"]["NodeTask"]["Properties"]["ContainerDefinitions"]
    assert {each["Name"]: each["StopTimeout"] for each in containers} == dict.fromkeys(
        ("worker", "agent"), TASK_STOP.total_seconds()
    )
