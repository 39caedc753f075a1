"""From a file to a Fleet: find the manifest, parse it, collect everything that is wrong with it."""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from worker.manifest.checks import fleet_conflicts, unused_by
from worker.manifest.explain import is_conflict, problems_of, unknown_key
from worker.manifest.fleet import Fleet
from worker.manifest.nodes import nodes_unused_by
from worker.manifest.problems import ManifestError, Problem, dotted, quoted
from worker.manifest.queue import Queue

MANIFEST_VARIABLE = "FLEET_MANIFEST"
DEFAULT_MANIFEST = "fleet.toml"

_HEADER_KEYS = (
    "name",
    "region",
    "imports",
    "payload_bucket",
    "results",
    "metrics",
    "aws",
    "schedules",
)
TOP_LEVEL_KEYS = (*_HEADER_KEYS, "defaults", "queues")
# A queue's own keys in these are laid over the defaults' one by one; the rest replaces them.
_MERGED_TABLES = ("slo", "nodes", "scaling")
#: A thousand queues with all their keys are less than one.
_AT_MOST_BYTES = 4 << 20
#: What a conflict of schedules with queues is about.
_SCHEDULED = re.compile(r"schedules\..*\.task")
_AT = re.compile(r"(?P<what>.*) \(at (?P<place>line \d+, column \d+|end of document)\)")


def load(path: Path | None = None, *, env: Mapping[str, str] = os.environ) -> Fleet:
    """Load the manifest at `path`, else the one FLEET_MANIFEST names, else `./fleet.toml`.

    Raises ManifestError with everything that is wrong with it, one problem a line.
    """
    named = env.get(MANIFEST_VARIABLE, "")
    if path is not None:
        file, remedy = path, "name the file that holds it"
    elif named != "":
        file, remedy = Path(named), f"set {MANIFEST_VARIABLE} to the file that holds it"
    else:
        file = Path(DEFAULT_MANIFEST)
        remedy = f"start where {DEFAULT_MANIFEST} lies, or set {MANIFEST_VARIABLE} to its path"
    return loads(_text(file, remedy), file)


def loads(text: str, file: Path) -> Fleet:
    """Load a manifest from its text; `file` is only named. Raises ManifestError."""
    return build(_parse(text, file), file)


def build(document: Mapping[str, Any], file: Path) -> Fleet:
    """Make a Fleet of a parsed manifest; `file` is only named. Raises ManifestError."""
    unknown = [key for key in document if key not in TOP_LEVEL_KEYS]
    problems = [unknown_key((), key, TOP_LEVEL_KEYS) for key in unknown]
    defaults = _usable_defaults(_table(document, "defaults", problems), problems)
    tables = _table(document, "queues", problems)
    queues = _queues(tables, defaults, problems)
    if document.get("queues", {}) == {}:
        problems.append(
            Problem("queues", "expected at least one queue, got none", "add one: [queues.mail]")
        )
    header = {key: document[key] for key in _HEADER_KEYS if key in document}
    try:
        fleet = Fleet.model_validate({**header, "queues": queues, "path": file})
    except ValidationError as error:
        # No queue is left where all are wrong, and that has been said of each already.
        found = [p for p in problems_of(error) if p.place != "queues"]
        if is_conflict(error):
            # A queue that could not be read may be the one that takes a schedule's task.
            unread = len(queues) < len(tables)
            problems += [p for p in found if not (unread and _SCHEDULED.fullmatch(p.place))]
        else:
            problems = [*found, *problems, *fleet_conflicts("", queues)]
    if problems:
        raise ManifestError(str(file), problems)
    return fleet


def _queues(
    tables: Mapping[str, Any], defaults: Mapping[str, Any], problems: list[Problem]
) -> dict[str, Queue]:
    queues: dict[str, Queue] = {}
    for name, table in tables.items():
        if not isinstance(table, dict):
            problems.append(_not_a_table(dotted("queues", name), table))
            continue
        if "name" in table:
            problems.append(unknown_key(("queues", name), "name", ()))
        try:
            queues[name] = Queue.model_validate({**_merged(defaults, table), "name": name})
        except ValidationError as error:
            problems.extend(problems_of(error, "queues", name))
    return queues


def _usable_defaults(defaults: Mapping[str, Any], problems: list[Problem]) -> dict[str, Any]:
    """Report what is wrong with [defaults] once, and return what queues can inherit of it."""
    own = {key: value for key, value in defaults.items() if key not in ("name", "tasks")}
    problems.extend(unknown_key(("defaults",), key, ()) for key in defaults if key not in own)
    try:
        Queue.model_validate({**own, "name": "defaults", "tasks": ["*"]})
    except ValidationError as error:
        # Whether defaults agree with each other is asked of the queues that inherit them.
        if not is_conflict(error):
            problems.extend(problems_of(error, "defaults"))
            for detail in error.errors(include_url=False):
                own.pop(str(detail["loc"][0]), None)
    return own


def _merged(defaults: Mapping[str, Any], table: Mapping[str, Any]) -> dict[str, Any]:
    """Lay a queue's own table over the defaults, of which it inherits what it can use."""
    pool = table.get("pool", defaults.get("pool", Queue.model_fields["pool"].default))
    runtime = table.get("runtime", defaults.get("runtime", Queue.model_fields["runtime"].default))
    inherited = {k: v for k, v in defaults.items() if k not in unused_by(pool)}
    if isinstance(nodes := inherited.get("nodes"), dict):
        unused = nodes_unused_by(runtime)
        inherited["nodes"] = {k: v for k, v in nodes.items() if k not in unused}
    merged = {**inherited, **table}
    for key in _MERGED_TABLES:
        if isinstance(table.get(key), dict) and key in inherited:
            merged[key] = {**inherited[key], **table[key]}
    return merged


def _text(file: Path, remedy: str) -> str:
    try:
        with file.open("rb") as opened:
            data = opened.read(_AT_MOST_BYTES + 1)
        if len(data) <= _AT_MOST_BYTES:
            # Some editors put a byte order mark before the text; TOML knows none.
            return data.decode("utf-8-sig")
        size = f"{_AT_MOST_BYTES >> 20} MiB"
        problem = Problem("", f"expected a manifest of at most {size}, got more", remedy)
    except FileNotFoundError:
        problem = Problem("", "expected a manifest, got no such file", remedy)
    except UnicodeDecodeError as error:
        problem = Problem(
            "", f"expected UTF-8, got another encoding at byte {error.start}", "save it as UTF-8"
        )
    except OSError as error:
        problem = Problem("", f"expected a file to read, got {error.strerror}", remedy)
    raise ManifestError(str(file), [problem])


def _parse(text: str, file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        match = _AT.fullmatch(str(error))
        what, place = (match["what"], match["place"]) if match else (str(error), "")
        problem = Problem(place, f"expected TOML, got a mistake: {what}", "mend that line")
        raise ManifestError(str(file), [problem]) from None
    except RecursionError:
        problem = Problem(
            "", "expected TOML, got lists or tables within too many others", "nest them less"
        )
        raise ManifestError(str(file), [problem]) from None


def _table(document: Mapping[str, Any], key: str, problems: list[Problem]) -> dict[str, Any]:
    value = document.get(key, {})
    if isinstance(value, dict):
        return value
    problems.append(_not_a_table(key, value))
    return {}


def _not_a_table(place: str, value: object) -> Problem:
    written = f"[{place}.NAME]" if place == "queues" else f"[{place}]"
    return Problem(place, f"expected a table, got {quoted(value)}", f"write it as {written}")
