"""Which task goes to which queue, said in as few globs as keep it so."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from glob import escape
from typing import Final

from ops.doctor.snapshot import Application, Module
from worker.manifest.checks import is_glob

CHORD_UNLOCK: Final = "celery.chord_unlock"
_BUILTIN: Final = "celery."
_LONGEST_CHARACTERS: Final = 40


def routes(application: Application, modules: Sequence[Module]) -> dict[str, list[str]]:
    """Return the names of tasks by queue: the application's, and those it sends by name alone."""
    found: dict[str, list[str]] = {}
    for task in application.tasks:
        _add(found, task.queue or application.default_queue, task.name)
    known = {task.name for task in application.tasks}
    for entry in application.schedules:
        if entry.task not in known:
            _add(found, entry.queue or sent_to(application, entry.task), entry.task)
            known.add(entry.task)
    uses = [use for module in modules for use in module.uses]
    for use in uses:
        if use.kind == "send" and use.detail not in known:
            _add(found, sent_to(application, use.detail), use.detail)
            known.add(use.detail)
    functions = {task.function for task in application.tasks}
    own = {f"{_BUILTIN}{u.detail.partition('.')[2]}" for u in uses
           if u.kind == "builtin" and u.detail.partition(".")[0] in functions}  # fmt: skip
    own |= {CHORD_UNLOCK} if any(use.kind == "chord" for use in uses) else set()
    for name in sorted(own):
        _add(found, sent_to(application, name), name)
    last = application.default_queue
    return {queue: found[queue] for queue in sorted(found, key=lambda q: (q == last, q))}


def named(application: Application, modules: Sequence[Module]) -> list[str]:
    """Return the queues that are declared, or named at a call."""
    declared = {queue.name for queue in application.queues if queue.declared}
    called = {u.detail for m in modules for u in m.uses if u.kind == "queue"}
    return sorted(declared | called)


def sent_to(application: Application, task: str) -> str:
    """Return the queue of a task that the application only knows by name."""
    exact = dict(application.routes).get(task)
    if exact is not None:
        return exact
    globs = ((p, q) for p, q in application.routes if is_glob(p))
    return next((q for p, q in globs if fnmatchcase(task, p)), application.default_queue)


def globs(queues: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    """Return each queue's tasks as globs where a whole module goes there, else by their names."""
    everything = {name: queue for queue, names in queues.items() for name in names}
    return {queue: _globs(sorted(names), queue, everything) for queue, names in queues.items()}


def exactly(name: str) -> str:
    """Return a glob that matches a task's name and nothing else: the name, mostly."""
    return escape(name)


def legal(name: str, fallback: str, taken: Iterable[str] = ()) -> str:
    """Return a name that a manifest allows, close to `name`, and none of `taken`."""
    text = re.sub(r"[^A-Za-z0-9_-]+", "-", name.removesuffix(".fifo")).strip("-_")
    text = text[:_LONGEST_CHARACTERS].strip("-_") or fallback
    if text.endswith("-dlq") or text in ("dlq", "delayed"):
        text = f"{text}-tasks"
    used, base, count = set(taken), text, 2
    while text in used:
        text, count = f"{base}-{count}", count + 1
    return text


def _globs(names: list[str], queue: str, everything: Mapping[str, str]) -> list[str]:
    found: list[str] = []
    for name in names:
        if any(fnmatchcase(name, glob) for glob in found):
            continue
        # The broadest prefix of which this queue has all.
        parts = name.split(".")
        prefixes = [".".join(parts[:end]) + ".*" for end in range(1, len(parts))]
        whole = (p for p in prefixes if not is_glob(p[:-1]) and _whole(p, queue, everything))
        found.append(exactly(name) if name.startswith(_BUILTIN) else next(whole, exactly(name)))
    return found


def _whole(glob: str, queue: str, everything: Mapping[str, str]) -> bool:
    return all(q == queue for name, q in everything.items() if fnmatchcase(name, glob))


def _add(found: dict[str, list[str]], queue: str, task: str) -> None:
    names = found.setdefault(queue, [])
    if task not in names:
        names.append(task)
