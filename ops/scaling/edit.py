"""Edit a queue's keys and windows in a manifest's text; comments and order stay as they are. Pure.

Each edit is checked: the new text, read by Python's own TOML parser, differs from the old in what
was asked for and in nothing else.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import tomlkit
from tomlkit.container import Container
from tomlkit.exceptions import TOMLKitError

from ops.errors import Exit, OpsError
from ops.scaling.toml_edits import add_table, remove_table, set_value
from worker.manifest.problems import dotted

Value: TypeAlias = int | float | str | list[str]

_WINDOWS = ("scaling", "windows")


def set_key(text: str, queue: str, key: tuple[str, ...], value: Value | None) -> str:
    """Return the text with a queue's key set, such as `("nodes", "min")`; None removes it.

    Raises OpsError where the text is laid out so that it cannot be edited safely.
    """
    path = ("queues", queue, *key)

    def change(tables: dict[str, Any]) -> None:
        _put(tables, path, value)

    return _checked(text, lambda document: set_value(document, path, value), change, dotted(*path))


def add_window(text: str, queue: str, window: Mapping[str, str | int]) -> str:
    """Return the text with one more window of scaling, after those the queue has.

    A window that the queue has already changes nothing. Raises OpsError as `set_key` does, and
    where the queue's windows are those of [defaults].
    """
    path = _own_windows(text, queue)
    if dict(window) in _at(tomllib.loads(text), path[:-1]).get(path[-1], []):
        return text

    def change(tables: dict[str, Any]) -> None:
        _at(tables, path[:-1]).setdefault(path[-1], []).append(dict(window))

    return _checked(text, lambda doc: add_table(doc, path, window), change, dotted(*path))


def remove_window(text: str, queue: str, index: int) -> str:
    """Return the text without a window of scaling, counted from 0, and the comment above it."""
    path = _own_windows(text, queue)

    def change(tables: dict[str, Any]) -> None:
        del _at(tables, path[:-1])[path[-1]][index]

    return _checked(text, lambda doc: remove_table(doc, path, index), change, dotted(*path, index))


def _own_windows(text: str, queue: str) -> tuple[str, ...]:
    """Return the path of a queue's windows; raise OpsError (exit 2) where they are inherited."""
    tables = tomllib.loads(text)
    path = ("queues", queue, *_WINDOWS)
    inherited = _at(tables, ("defaults", "scaling")).get("windows")
    if inherited and "windows" not in _at(tables, path[:-1]):
        raise OpsError(
            f"{dotted(*path)}: expected windows of its own, got those of [defaults], which one "
            "here would replace: edit [defaults] by hand, or copy them to the queue",
            Exit.USAGE,
        )
    return path


def _checked(
    text: str,
    edit: Callable[[Container], str],
    change: Callable[[dict[str, Any]], None],
    place: str,
) -> str:
    wanted = tomllib.loads(text)
    try:
        change(wanted)
        edited = edit(tomlkit.parse(text))
        right = _pruned(tomllib.loads(edited)) == _pruned(wanted)
    except (TOMLKitError, ValueError, TypeError, AttributeError, LookupError):
        # What tomlkit and these walks raise on a table that is none, or is written in a way they
        # do not know; both parsers' errors are ValueErrors.
        right = False
    if not right:
        raise OpsError(
            f"{place}: expected a layout that can be edited with its comments kept, "
            "got another: edit the file by hand"
        )
    return edited


def _put(tables: dict[str, Any], path: tuple[str, ...], value: Value | None) -> None:
    table = _at(tables, path[:-1])
    if value is None:
        table.pop(path[-1], None)
    else:
        table[path[-1]] = value


def _at(tables: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    for name in path:
        tables = tables.setdefault(name, {})
    return tables


def _pruned(value: Any) -> Any:
    """Return tables without those that are empty, and without empty arrays: they say nothing."""
    if not isinstance(value, dict):
        return value
    pruned = {key: _pruned(inner) for key, inner in value.items()}
    return {key: inner for key, inner in pruned.items() if inner not in ({}, [])}
