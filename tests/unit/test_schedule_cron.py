"""Five-field cron in EventBridge Scheduler's dialect: a table, and agreement with cronsim."""

from datetime import UTC, datetime, timedelta

import pytest
from cronsim import CronSim
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ops.schedules.cron import expression
from tests.unit.eventbridge_cron import EventBridgeCron
from worker.manifest.problems import RefusedValueError


@pytest.mark.parametrize(
    ("cron", "translated"),
    [
        ("* * * * *", "* * * * ? *"),
        ("30 6 * * MON-FRI", "30 6 ? * MON-FRI *"),
        ("30 6 * * mon-fri", "30 6 ? * MON-FRI *"),
        ("*/15 * * * *", "0/15 * * * ? *"),
        # Cron's */40 is at 0 and 40, not every 40 minutes; so is this.
        ("*/40 * * * *", "0,40 * * * ? *"),
        ("5/10 * * * *", "5/10 * * * ? *"),
        ("0-30/10 * * * *", "0,10,20,30 * * * ? *"),
        ("59/7 * * * *", "59 * * * ? *"),
        ("0 22-23,0-5 * * *", "0 0-5,22-23 * * ? *"),
        ("0 */6 * * *", "0 0/6 * * ? *"),
        ("0 0 1 * *", "0 0 1 * ? *"),
        ("0 0 1,15 * *", "0 0 1,15 * ? *"),
        ("0 0 */10 * *", "0 0 1,11,21,31 * ? *"),
        ("0 0 L * *", "0 0 L * ? *"),
        ("0 0 1 JAN,jul *", "0 0 1 1,7 ? *"),
        ("0 0 1 */3 *", "0 0 1 1,4,7,10 ? *"),
        # Sunday is 0 and 7 in cron, 1 and SUN there.
        ("0 0 * * 0", "0 0 ? * SUN *"),
        ("0 0 * * 7", "0 0 ? * SUN *"),
        ("0 0 * * 5-7", "0 0 ? * SUN,FRI-SAT *"),
        ("0 0 * * 0-7", "0 0 * * ? *"),
        ("0 0 * * */2", "0 0 ? * SUN,TUE,THU,SAT *"),
        ("0 9 * * 5L", "0 9 ? * 6L *"),
        ("0 9 * * 0L", "0 9 ? * 1L *"),
        ("0 9 * * MON#1", "0 9 ? * 2#1 *"),
        ("0 9 * * 7#5", "0 9 ? * 1#5 *"),
        # A star in one of the days: cron wants both, and one of them is every day.
        ("0 0 */1 * MON", "0 0 ? * MON *"),
        # No star: cron wants either, and one of them is every day.
        ("0 0 1-31 * MON", "0 0 * * ? *"),
        ("0 0 13 * 0-6", "0 0 * * ? *"),
    ],
)
def test_an_expression_in_both_dialects(cron: str, translated: str) -> None:
    assert expression(cron) == f"cron({translated})"
    agree(cron)


@pytest.mark.parametrize(
    ("cron", "found", "remedy"),
    [
        ("0 0 13 * FRI", "both, which cron fires on either", "never fire on the same day"),
        ("0 0 */2 * MON", "both, which cron fires on a day that is both", "let the task look"),
        ("0 0 LW * *", "LW", 'write "L"'),
        ("0 0 15,L * *", "it in a list", "a schedule for each of them"),
        ("0 0 * * MON#1,MON#3", "it in a list", "a schedule for each of them"),
        ("0 0 * * FRI,MON#1", "it in a list", "it would be sent twice"),
    ],
)
def test_what_eventbridge_cannot_say_is_refused(cron: str, found: str, remedy: str) -> None:
    with pytest.raises(RefusedValueError) as raised:
        expression(cron)
    assert raised.value.found == found
    assert remedy in raised.value.remedy


def field(low: int, high: int) -> st.SearchStrategy[str]:
    """A list of values, ranges and steps of a field."""
    value = st.integers(low, high)
    spans = st.tuples(value, value).map(sorted)
    steps = st.integers(1, high)
    term = st.one_of(
        value.map(str),
        spans.map(lambda s: f"{s[0]}-{s[1]}"),
        st.tuples(spans, steps).map(lambda t: f"{t[0][0]}-{t[0][1]}/{t[1]}"),
        st.tuples(value, steps).map(lambda t: f"{t[0]}/{t[1]}"),
    )
    starred = st.one_of(st.just("*"), steps.map(lambda n: f"*/{n}"))
    return st.one_of(starred, st.lists(term, min_size=1, max_size=4).map(",".join))


WEEKDAYS = st.sampled_from(["0", "1", "2", "3", "4", "5", "6", "7", "SUN", "MON", "FRI", "SAT"])
DAY_FIELDS = st.one_of(
    st.tuples(st.one_of(field(1, 28), st.just("L"), st.just("28,29")), st.just("*")),
    st.tuples(
        st.just("*"),
        st.one_of(
            field(0, 7),
            WEEKDAYS.map(lambda day: f"{day}#1"),
            st.tuples(WEEKDAYS, st.integers(1, 5)).map(lambda t: f"{t[0]}#{t[1]}"),
            st.integers(0, 7).map(lambda day: f"{day}L"),
        ),
    ),
    st.tuples(field(1, 28), field(0, 7)),
)
CRON = st.builds(
    lambda minute, hour, days, month: f"{minute} {hour} {days[0]} {month} {days[1]}",
    field(0, 59),
    field(0, 23),
    DAY_FIELDS,
    field(1, 12),
)


@settings(max_examples=150, deadline=None)
@given(CRON)
@example("0 0 29 2 *")
@example("*/7 */5 * * 1-7/3")
def test_both_dialects_fire_at_the_same_times(cron: str) -> None:
    _, _, day_of_month, _, day_of_week = cron.split()
    if "*" not in (day_of_month, day_of_week) and refused(cron):
        return  # only that: no list above has # or L in it
    agree(cron)


def refused(cron: str) -> bool:
    try:
        expression(cron)
    except RefusedValueError:
        return True
    return False


def agree(cron: str) -> None:
    """Hold both dialects against each other over two years: all days, and all times of one."""
    eventbridge = EventBridgeCron.read(expression(cron))
    start, end = datetime(2027, 6, 15, tzinfo=UTC), datetime(2029, 6, 15, tzinfo=UTC)
    expected = {
        day.date()
        for day in (start + timedelta(days=n) for n in range((end - start).days))
        if eventbridge.on(day.date())
    }
    found: dict[str, datetime] = {}
    at = start - timedelta(seconds=1)
    while (following := next(CronSim(cron, at), end)) < end:
        found[following.date().isoformat()] = following
        at = following.replace(hour=23, minute=59)
    assert found.keys() == {day.isoformat() for day in expected}
    for first in list(found.values())[:1]:
        midnight = first.replace(hour=0, minute=0)
        minutes = [midnight + timedelta(minutes=n) for n in range(24 * 60)]
        fired = []
        for at in CronSim(cron, midnight - timedelta(seconds=1)):
            if at.date() != midnight.date():
                break
            fired.append(at)
        assert fired == [at for at in minutes if eventbridge.fires(at)]
