"""What `ops manifest check` says of pools and of settings with a price."""

from datetime import timedelta
from pathlib import Path

import pytest

from worker.fleet import Queue, loads
from worker.promises import cautions, promises


def a_queue(**keys: object) -> Queue:
    return Queue.model_validate({"name": "mail", "tasks": ["mail.*"], **keys})


def test_prefork_keeps_everything() -> None:
    (sentence,) = promises(a_queue())
    assert sentence.startswith("prefork keeps every promise")


def test_threads_cannot_end_one_task() -> None:
    sentences = promises(a_queue(pool="threads"))
    assert len(sentences) == 2
    assert sentences[0].startswith("threads cannot end one task")
    assert "interpreter lock" in sentences[1]


def test_solo_keeps_no_poll_open() -> None:
    sentences = promises(a_queue(pool="solo"))
    assert sentences[0].startswith("solo cannot end one task")
    assert sentences[2].startswith("solo keeps no poll open while a task runs")


def test_the_defaults_need_no_caution() -> None:
    assert cautions(a_queue()) == []


@pytest.mark.parametrize(
    ("keys", "key", "words"),
    [
        ({"pool": "threads", "soft_time_limit": "5m"}, "soft_time_limit", "ignored: threads"),
        ({"pool": "solo", "soft_time_limit": "5m"}, "soft_time_limit", "ignored: solo"),
        ({"max_receives": 2}, "max_receives", "after 2 receives"),
        ({"drain_budget": "59m"}, "drain_budget", "still run 59m after a drain began"),
        ({"runtime": "ecs"}, "runtime", "still runs after 1m35s is handed back"),
        ({"nodes": {"cpu": 256}}, "nodes.cpu", 'nobody reads it with runtime = "ec2"'),
        (
            {"runtime": "ecs", "time_limit": "90s", "nodes": {"warm_pool": 3}},
            "nodes.warm_pool",
            'nobody reads it with runtime = "ecs"',
        ),
        ({"lease": "16m"}, "lease", "hidden for up to 16m"),
        ({"retention": "1h"}, "retention", "deletes a message 1h after it was sent"),
    ],
)
def test_a_caution(keys: dict[str, object], key: str, words: str) -> None:
    (caution,) = cautions(a_queue(**keys))
    assert caution.key == key
    assert words in caution.text


@pytest.mark.parametrize(
    "keys",
    [
        {"soft_time_limit": "5m"},
        {"max_receives": 3},
        {"drain_budget": "1h"},
        {"runtime": "ecs", "time_limit": "90s"},
        {"lease": timedelta(minutes=15)},
        {"retention": "1h1m"},
    ],
)
def test_no_caution_at_the_border(keys: dict[str, object]) -> None:
    assert cautions(a_queue(**keys)) == []


def test_what_a_runtime_has_no_use_for_is_not_inherited() -> None:
    fleet = loads(
        """
        name = "media"
        [defaults]
        nodes = { types = ["m7g.large"], cpu = 256, max = 3 }
        [queues.mail]
        tasks = ["mail.*"]
        [queues.pages]
        tasks = ["pages.*"]
        runtime = "ecs"
        time_limit = "90s"
        nodes.min = 1
        """,
        Path("fleet.toml"),
    )
    mail, pages = fleet.queues["mail"], fleet.queues["pages"]
    assert mail.nodes.model_fields_set == {"types", "max"}
    assert pages.nodes.model_fields_set == {"cpu", "max", "min"}
    assert cautions(mail) == cautions(pages) == []
