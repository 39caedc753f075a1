"""What a worker counts, and how the page says it."""

from __future__ import annotations

import shutil
import subprocess
import time
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families as parse

from ops.node.metrics_reference import metrics_reference
from worker import instruments
from worker import metrics_table as table
from worker.metrics import Metrics, Values
from worker.metrics_page import Page
from worker.metrics_table import ENDINGS, Kind, Metric
from worker.outcomes import DONE, Outcome, Reason, Verdict
from worker.sqs.lease import opened
from worker.sqs.ledger import Held

ROOT = Path(__file__).parents[2]
KNOWN = {"app.mail", "app.video", *(f"app.task_{i}" for i in range(300))}


def held(task: str = "app.mail", **more: Any) -> Held:
    return Held(
        tag=1,
        message={"MessageId": "m", "ReceiptHandle": "h", "Body": "", "Attributes": {}},
        lease=opened("h", 0.0, 60.0),
        payload={},
        task=task,
        task_id="some-id",
        **{"receives": 1, "sent_at_epoch_seconds": time.time(), **more},
    )


def failed(kind: str) -> Verdict:
    return Verdict(Outcome.FAILED, Reason(kind, "some text"))


def counting(read: dict[Metric, Values] | None = None) -> Metrics:
    return Metrics("work", KNOWN, lambda: read or {})


def samples(metrics: Metrics) -> dict[tuple[str, tuple[str, ...]], float]:
    """Return a page's samples by name and label values but for the queue's, in label order."""
    page = Page(metrics.registry).write().decode()
    found = {}
    for family in parse(page):
        for sample in family.samples:
            assert sample.labels.pop("queue") == "work"
            found[sample.name, tuple(v for _, v in sorted(sample.labels.items()))] = sample.value
    return found


def test_waits_count_from_the_sending_or_from_when_it_was_due() -> None:
    metrics = counting()
    now = time.monotonic()
    metrics.started(held(sent_at_epoch_seconds=time.time() - 100), now)
    late = held("app.video", sent_at_epoch_seconds=time.time() - 4000)
    late.eta_epoch_seconds = time.time() - 20
    metrics.started(late, now)
    early = held("app.task_1", sent_at_epoch_seconds=time.time() + 50)  # a producer's clock
    metrics.started(early, now)
    found = samples(metrics)
    assert 99 < found["fleet_task_wait_seconds_sum", ("app.mail",)] < 101
    assert 19 < found["fleet_task_wait_seconds_sum", ("app.video",)] < 21
    assert found["fleet_task_wait_seconds_sum", ("app.task_1",)] == 0
    assert found["fleet_task_wait_seconds_bucket", ("60.0", "app.mail")] == 0
    assert found["fleet_task_wait_seconds_bucket", ("120.0", "app.mail")] == 1


def test_an_outcome_is_counted_once_and_its_time_only_if_it_ran() -> None:
    metrics = counting()
    ran = held()
    ran.started_at = time.monotonic() - 7
    metrics.ended(ran, DONE)
    metrics.ended(held(), Verdict(Outcome.NOT_STARTED))
    found = samples(metrics)
    assert found["fleet_task_outcomes_total", ("success", "app.mail")] == 1
    assert found["fleet_task_outcomes_total", ("not_started", "app.mail")] == 1
    assert found["fleet_task_run_seconds_count", ("app.mail",)] == 1
    assert 7 <= found["fleet_task_run_seconds_sum", ("app.mail",)] < 8


def test_every_outcome_has_a_label_of_its_own() -> None:
    assert set(ENDINGS) == set(Outcome)
    assert len({ending.label for ending in ENDINGS.values()}) == len(Outcome)
    metrics = counting()
    for outcome in Outcome:
        metrics.ended(held(), Verdict(outcome))
    found = samples(metrics)
    for ending in ENDINGS.values():
        assert found["fleet_task_outcomes_total", (ending.label, "app.mail")] == 1


def test_rates_have_a_zero_to_start_from() -> None:
    metrics = counting()
    metrics.received(held())
    found = samples(metrics)
    for label in ("success", "failure", "retry", "lost"):
        assert found["fleet_task_outcomes_total", (label, "app.mail")] == 0
    assert found["fleet_messages_redelivered_total", ("app.mail",)] == 0


def test_receives_and_redeliveries() -> None:
    metrics = counting()
    for receives in (1, 2, 3):
        metrics.received(held(receives=receives))
    found = samples(metrics)
    assert found["fleet_messages_received_total", ("app.mail",)] == 3
    assert found["fleet_messages_redelivered_total", ("app.mail",)] == 2


def test_failures_by_class_up_to_a_cap() -> None:
    metrics = counting()
    for number in range(50):
        metrics.ended(held(), failed(f"Error{number}"))
    metrics.ended(held(), failed("Error0"))
    metrics.ended(held(), failed("E" * 5000))
    metrics.ended(held(), Verdict(Outcome.TIMED_OUT, Reason("TimeLimitExceeded", "")))
    found = {k: v for k, v in samples(metrics).items() if k[0] == table.TASK_FAILURES.name}
    assert len(found) == table.ERRORS_A_TASK_AT_MOST + 1
    assert found[table.TASK_FAILURES.name, ("Error0", "app.mail")] == 2
    assert sum(found.values()) == 52
    assert found[table.TASK_FAILURES.name, (table.OTHER, "app.mail")] == 31


def test_names_from_the_wire_make_no_series() -> None:
    metrics = counting()
    for number in range(1000):
        metrics.received(held(f"evil.{number}"))
    metrics.received(held(table.UNDECODABLE))
    for number in range(300):
        metrics.received(held(f"app.task_{number}"))
    found = {k: v for k, v in samples(metrics).items() if k[0] == table.RECEIVED.name}
    assert len(found) == table.TASKS_AT_MOST + 1
    assert found[table.RECEIVED.name, (table.UNREGISTERED,)] == 1000
    assert found[table.RECEIVED.name, (table.UNDECODABLE,)] == 1
    assert found[table.RECEIVED.name, (table.OTHER,)] == 300 - (table.TASKS_AT_MOST - 2)
    assert sum(found.values()) == 1301


def test_a_page_has_the_metrics_of_the_table_and_is_made_of_them() -> None:
    """Names, types, meanings and labels, as prometheus_client's parser reads them."""
    label_values = ("a", "b", "c", "d")
    metrics = counting({m: {label_values[: len(m.labels)]: 1.0} for m in table.READ})
    metrics.received(held())
    metrics.ended(held(), failed("ValueError"))
    families = {f.name: f for f in parse(Page(metrics.registry).write().decode())}
    names = {
        m.name.removesuffix("_total") if m.kind is Kind.COUNTER else m.name for m in table.TABLE
    }
    assert set(families) == names
    for metric in table.TABLE:
        family = families[metric.name.removesuffix("_total")]
        assert (family.type, family.documentation) == (metric.kind, metric.help)
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(metric.labels)
        if metric.kind is Kind.HISTOGRAM:
            edges = {s.labels["le"] for s in family.samples if s.name.endswith("_bucket")}
            assert {float(edge) for edge in edges} == {*metric.buckets, float("inf")}


def test_no_label_is_an_id_or_a_host() -> None:
    labels = {label for metric in table.TABLE for label in metric.labels}
    assert labels == {
        *("queue", "task", "outcome", "error", "kind", "state", "fleet", "pool", "release", "phase")
    }


@given(
    names=st.lists(st.text(max_size=20), max_size=5, unique=True),
    times=st.lists(st.floats(0, 1e5), max_size=10),
)
def test_the_page_says_what_prometheus_client_says(names: list[str], times: list[float]) -> None:
    """Our instruments and writer against its own, for whatever is counted."""
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    count = Metric("things_total", Kind.COUNTER, 'A "help"\nof two lines \\', ("b", "a"))
    spread = Metric("wait_seconds", Kind.HISTOGRAM, "help", ("a",), table.WAIT_BUCKETS_SECONDS)
    our_count, our_spread = instruments.Counter(count), instruments.Histogram(spread)
    ours.register(our_count)
    ours.register(our_spread)
    their_count = Counter("things", count.help, count.labels, registry=theirs)
    their_spread = Histogram(
        spread.name, spread.help, spread.labels, buckets=spread.buckets, registry=theirs
    )
    for name in names:
        our_count.of(name, "x")()
        their_count.labels(name, "x").inc()
    for name, seconds in product(names, [*times, *table.WAIT_BUCKETS_SECONDS]):
        our_spread.of(name)(seconds)
        their_spread.labels(name).observe(seconds)
    assert _families(Page(ours).write()) == _families(generate_latest(theirs))


def _families(page: bytes) -> dict[str, Any]:
    return {
        f.name: (f.type, f.documentation, f.samples)
        for f in parse(page.decode())
        if not f.name.endswith("_created")
    }


def test_half_a_character_in_a_name_does_not_end_the_page() -> None:
    metrics = counting()
    metrics.ended(held(), failed("Bad\ud800"))
    assert b"Bad?" in Page(metrics.registry).write()


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_has_nothing_to_say() -> None:
    label_values = ("a", "b", "c", "d")
    metrics = counting({m: {label_values[: len(m.labels)]: 1.0} for m in table.READ})
    metrics.received(held())
    page = Page(metrics.registry).write()
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=page, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def test_the_committed_reference_is_this_one() -> None:
    committed = (ROOT / "docs/reference/metrics.md").read_text()
    assert committed == metrics_reference(), (
        "write it anew: python -m ops.node.metrics_reference > docs/reference/metrics.md"
    )
