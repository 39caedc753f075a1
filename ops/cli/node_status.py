"""How `ops node status` shows the workers of a node."""

from __future__ import annotations

from typing import Any

from ops.cli.output import print_line, print_table

_COLUMNS = (
    "queue",
    "pid",
    "phase",
    "health",
    "busy",
    "waiting",
    "last poll",
    "errors",
    "lost",
    "release",
    "metrics",
)


def show(answers: list[dict[str, Any]]) -> None:
    """Print the workers' own accounts, and their tasks, as tables."""
    print_table(
        _COLUMNS,
        [_row(answer) for answer in answers],
    )
    for answer in answers:
        for ailment in answer.get("ailments", ()):
            print_line(f"{answer['queue']} {answer['pid']}: unhealthy: {ailment}")
    tasks = [(answer, task) for answer in answers for task in answer.get("tasks", ())]
    if not tasks:
        return
    print_line("")
    print_table(
        ("task", "id", "running", "waited", "receives"),
        [
            (
                task["task"],
                task["id"],
                _seconds(task["age_seconds"]),
                _seconds(task["waited_seconds"]),
                str(task["receives"]) + (" (lease lost)" if task["lease_lost"] else ""),
            )
            for _, task in tasks
        ],
    )


def _row(answer: dict[str, Any]) -> tuple[str, ...]:
    if not answer["ok"]:
        return _padded(answer["queue"], str(answer["pid"]), answer["error"])
    phase = answer["phase"]
    if answer["deadline_in_seconds"] is not None:
        phase += f" ({_seconds(answer['deadline_in_seconds'])} left)"
    healthy: bool | None = answer.get("healthy")  # a worker of an older release does not say
    health = "-" if healthy is None else "ok" if healthy else "bad"
    if "slots" not in answer:
        return _padded(answer["queue"], str(answer["pid"]), phase, health)
    return (
        answer["queue"],
        str(answer["pid"]),
        phase,
        health,
        f"{answer['busy']}/{answer['slots']}",
        str(answer["buffered"]),
        _ago(answer["last_poll_age_seconds"]),
        str(answer["poll_errors"]),
        str(answer["leases_lost"]),
        answer["release"] or "-",
        answer.get("metrics") or "-",
    )


def _padded(*cells: str) -> tuple[str, ...]:
    return (*cells, *["-"] * (len(_COLUMNS) - len(cells)))


def _ago(seconds: float | None) -> str:
    return "never" if seconds is None else f"{_seconds(seconds)} ago"


def _seconds(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}m" if hours else f"{minutes}m{rest:02d}s"
