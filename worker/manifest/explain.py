"""Pydantic's errors as problems of a manifest: place, expected, found, remedy."""

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from worker.manifest.problems import ConflictError, Problem, RefusedValueError, dotted, quoted

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

# Keys that people will try, and why there is no such key.
_REASONS = {
    "fifo": "FIFO queues are not supported: remove it (leases, hand-backs and batched deletes "
    "give up the order FIFO promises; only standard queues are served)",
    "name": "not a key of a queue: remove it (the table's own key names the queue)",
}
_REASON_IN_DEFAULTS = {"tasks": "not a default: move it to the queue whose tasks they are"}
_REASON_IN_SCALING = {
    key: f"not a key of scaling: write it as nodes.{key}"
    for key in ("min", "max", "boot", "warm_boot")
} | {"schedule": "not a key of scaling: write it as scaling.windows"}
_REASON_AT_TOP = {
    key: f"not a key of the fleet: write it below [defaults] or [queues.<name>] as {key}"
    for key in ("scaling", "nodes", "runtime", "slo")
}

_EXAMPLES = {
    "name": 'name = "media"',
    "tasks": 'tasks = ["mail.*"]',
    "cron": 'cron = "30 6 * * *"',
    "task": 'task = "mail.digest"',
    "begins": 'begins = "0 8 * * MON-FRI"',
    "ends": 'ends = "0 18 * * MON-FRI"',
    "backend": 'backend = "dynamodb"',
}


def problems_of(error: ValidationError, *prefix: str) -> list[Problem]:
    """Return each error as a Problem, its place below `prefix`."""
    problems: list[Problem] = []
    for detail in error.errors(include_url=False):
        cause = _cause(detail)
        if isinstance(cause, ConflictError):
            problems.extend(problem.under(*prefix, *detail["loc"]) for problem in cause.problems)
        elif detail["type"] != "default_factory_not_called":
            problems.append(_problem(detail, prefix))
    return problems


def is_conflict(error: ValidationError) -> bool:
    """Say whether all values are right one by one, so that only the checks across them failed."""
    return all(isinstance(_cause(d), ConflictError) for d in error.errors(include_url=False))


def unknown_key(parents: Iterable[str | int], key: str, known: Iterable[str]) -> Problem:
    """Return the problem of a key nobody reads, with the reason or the likely spelling."""
    place = dotted(*parents, key)
    reasons = {**_REASONS, **_reasons_in(*parents)}
    if key in reasons:
        what, _, remedy = reasons[key].partition(": ")
        return Problem(place, what, remedy)
    choices = sorted(known)
    close = get_close_matches(key, choices, n=1)
    remedy = f"did you mean {close[0]}?" if close else f"choose one of {', '.join(choices)}"
    return Problem(place, "unknown key", remedy)


def _reasons_in(*parents: str | int) -> dict[str, str]:
    if not parents:
        return _REASON_AT_TOP
    if parents[-1] == "scaling":
        return _REASON_IN_SCALING
    return _REASON_IN_DEFAULTS if parents == ("defaults",) else {}


def _cause(detail: "ErrorDetails") -> object:
    return detail.get("ctx", {}).get("error")


def _problem(detail: "ErrorDetails", prefix: tuple[str, ...]) -> Problem:
    loc = detail["loc"]
    kind = detail["type"]
    if kind == "extra_forbidden":
        return unknown_key((*prefix, *loc[:-1]), str(loc[-1]), _known_keys(loc[:-1]))
    # The name of a queue or a schedule is the key of its table.
    keyed = (prefix and loc == ("name",)) or (loc[:1] == ("schedules",) and loc[2:] == ("name",))
    place = dotted(*prefix, *(loc[:-1] if keyed else loc))
    cause = _cause(detail)
    if isinstance(cause, RefusedValueError):
        found = quoted(detail["input"]) if cause.found is None else cause.found
        return Problem(place, f"expected {cause.expected}, got {found}", cause.remedy)
    if kind == "missing":
        key = str(loc[-1])
        return Problem(place, "expected a value, got none", f"add {_EXAMPLES.get(key, key)}")
    explain = _EXPLANATIONS.get(kind)
    if explain is None:
        return Problem(place, f"{detail['msg']}, got {quoted(detail['input'])}", "")
    expected, remedy = explain(detail.get("ctx", {}), detail["input"])
    return Problem(place, f"expected {expected}, got {quoted(detail['input'])}", remedy)


def _known_keys(loc: tuple[str | int, ...]) -> list[str]:
    from worker.manifest.aws import Aws  # noqa: PLC0415
    from worker.manifest.nodes import Nodes  # noqa: PLC0415
    from worker.manifest.queue import Queue, Slo  # noqa: PLC0415
    from worker.manifest.scaling import Scaling, ScalingWindow  # noqa: PLC0415
    from worker.manifest.schedule import Schedule  # noqa: PLC0415
    from worker.manifest.services import Metrics, Results  # noqa: PLC0415

    tables: dict[str, type[BaseModel]] = {
        "slo": Slo,
        "results": Results,
        "metrics": Metrics,
        "aws": Aws,
        "nodes": Nodes,
        "scaling": Scaling,
        "windows": ScalingWindow,
    }
    last = next((part for part in reversed(loc) if isinstance(part, str)), "")
    model = Schedule if loc[:1] == ("schedules",) else tables.get(last, Queue)
    return [key for key in model.model_fields if key != "name"]


def _literal(context: dict[str, Any], value: object) -> tuple[str, str]:
    expected = str(context["expected"]).replace("'", '"')
    words = [part.strip('"') for part in expected.replace(" or ", ", ").split(", ")]
    close = get_close_matches(str(value), words, n=1)
    return expected, f"did you mean {close[0]}?" if close else "choose one of them"


Explanation = Callable[[dict[str, Any], object], tuple[str, str]]

_EXPLANATIONS: dict[str, Explanation] = {
    "literal_error": _literal,
    "greater_than_equal": lambda context, _: (f"at least {context['ge']}", "raise it"),
    "less_than_equal": lambda context, _: (f"at most {context['le']}", "lower it"),
    "int_type": lambda *_: ("a whole number", "write it in digits, without quotes"),
    "string_type": lambda *_: ("a text", "put it in quotes"),
    "tuple_type": lambda *_: ("a list", "put it in brackets"),
    "bool_type": lambda *_: ("true or false", "write it without quotes"),
    "dict_type": lambda *_: ("a table", "write it as { name = value }"),
    "mapping_type": lambda *_: ("a table", "write its keys below its own header"),
    "string_too_short": lambda *_: ("a text that is not empty", "write it"),
    "string_too_long": lambda context, _: (
        f"at most {context['max_length']} characters",
        "shorten it",
    ),
    "model_type": lambda *_: ("a table", "write its keys as in slo.start_within"),
}
