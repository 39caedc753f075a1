"""Edits of a TOML document that keep what stands around them: each returns the new text. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tomlkit
from tomlkit.container import Container
from tomlkit.items import AoT, Array, InlineTable, Key, Whitespace

from ops.scaling.toml_places import MARK, Part, mark_element, mark_end, mark_key, parts
from worker.manifest.problems import dotted


def set_value(document: Container, path: tuple[str, ...], value: Any) -> str:
    """Return the text with a key set; None takes it out."""
    *parents, name = path
    found = parts(document, parents)
    holder = next((part for part in found if name in part.table), None)
    if holder is not None:
        if value is not None:
            holder.table[name] = value
        elif holder.inline:
            holder.table.remove(name)
        else:
            holder.body[:] = [entry for entry in holder.body if not _is(entry[0], name)]
        return tomlkit.dumps(document)
    if value is None:
        return tomlkit.dumps(document)
    return _new(document, path, value)


def _new(document: Container, path: tuple[str, ...], value: Any) -> str:
    """Write a key that is not there: a line in its table, in braces, or below a new header."""
    *parents, name = path
    line = f"{name} = {tomlkit.item(value).as_string()}\n"
    found = parts(document, parents)
    for part in reversed(found):
        if part.inline:
            _into_braces(part, name, value)
            return tomlkit.dumps(document)
        if part.takes_lines:
            indent = mark_key(part)
            return _replaced(document, indent + ".".join((*part.dotted, line)))
    queue = parts(document, path[:2])[-1]
    if queue.inline:
        # Braces take whole tables.
        _into_braces(queue, path[2], {name: value})
        return tomlkit.dumps(document)
    if queue.dotted:
        indent = mark_key(queue)
        return _replaced(document, indent + ".".join((*queue.dotted, *path[2:-1], line)))
    mark_end((found or [queue])[-1].body)
    return _replaced(document, f"\n[{dotted(*parents)}]\n{line}")


def add_table(document: Container, path: tuple[str, ...], values: Mapping[str, str | int]) -> str:
    """Return the text with one more table at the end of the array at a path."""
    last = next(reversed(_arrays(document, path)), None)
    if isinstance(last, Array):
        last.append(_braces(values))
        return tomlkit.dumps(document)
    if isinstance(last, AoT):
        mark_end(last.body[-1].value.body)
    else:
        around = parts(document, path[:3]) or parts(document, path[:2])
        if any(part.inline or part.dotted for part in around):
            array = tomlkit.array()
            array.append(_braces(values))
            return _new(document, path, array)
        mark_end(around[-1].body)
    lines = "".join(f"{k} = {tomlkit.item(v).as_string()}\n" for k, v in values.items())
    return _replaced(document, f"\n[[{dotted(*path)}]]\n{lines}")


def remove_table(document: Container, path: tuple[str, ...], index: int) -> str:
    """Return the text without a table of an array, and without the comment right above it."""
    for array in _arrays(document, path):
        if index >= len(array):
            index -= len(array)
            continue
        if isinstance(array, Array):
            del array[index]
            return tomlkit.dumps(document)
        mark_element(array, index)
        before, _, after = tomlkit.dumps(document).split(MARK)
        return _without_comment_above(before) + after.removeprefix("\r").removeprefix("\n")
    return tomlkit.dumps(document)


def _without_comment_above(text: str) -> str:
    lines = text.splitlines(keepends=True)
    while lines and lines[-1].lstrip().startswith("#"):
        lines.pop()
    return "".join(lines)


def _arrays(document: Container, path: tuple[str, ...]) -> list[AoT | Array]:
    return [
        item
        for part in parts(document, path[:-1])
        for key, item in part.body
        if _is(key, path[-1]) and isinstance(item, AoT | Array)
    ]


def _is(key: Key | None, name: str) -> bool:
    return key is not None and key.key == name


def _into_braces(part: Part, name: str, value: Any) -> None:
    part.table[name] = _braces(value) if isinstance(value, Mapping) else value
    # tomlkit writes nothing before the closing brace; the others may have a blank there.
    if isinstance(part.body[0][1], Whitespace):
        part.body.append((None, Whitespace(" ")))


def _braces(values: Mapping[str, Any]) -> InlineTable:
    inline = tomlkit.inline_table()
    inline.update(values)
    return inline


def _replaced(document: Container, text: str) -> str:
    before, after = tomlkit.dumps(document).split(MARK)
    if before and not before.endswith("\n"):
        text = "\n" + text
    end = "\r\n" if "\r\n" in before + after else "\n"
    return before + text.replace("\n", end) + after
