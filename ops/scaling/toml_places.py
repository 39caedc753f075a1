"""Where in a TOML document a table, its keys and its end are: found by tomlkit, marked for text.

tomlkit keeps every comment, but appends behind the comment that stands above the next table, and
each way to write a table (header, dotted, inline, out of order) has its own container. So places
are found in its tree and marked there, and what is new goes in as text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from tomlkit.container import Container
from tomlkit.items import AoT, Comment, InlineTable, Item, Key, Null, Table, Whitespace

Body: TypeAlias = list[tuple[Key | None, Item]]

#: A line that no document has: TOML allows no control characters but tabs and line ends.
MARK = "\x00\n"


@dataclass(frozen=True, slots=True)
class Part:
    """One of the places that together make a table: most have one, dotted keys one a line."""

    table: Table | InlineTable
    body: Body
    """The keys and tables in it, with the blanks and comments between them."""
    home: Body
    """Where a key of it is written as a line: its own body, or for dotted keys an outer one."""
    dotted: tuple[str, ...]
    """What is written before a key there; empty but for dotted keys."""

    @property
    def inline(self) -> bool:
        """Whether it is written in braces."""
        return isinstance(self.table, InlineTable)

    @property
    def takes_lines(self) -> bool:
        """Whether a key may be added to it as a line: not to what only headers below it imply."""
        if not isinstance(self.table, Table):
            return False
        return self.dotted != () or not self.table.is_super_table()


def parts(document: Container, path: Sequence[str]) -> list[Part]:
    """Return every part of the table at a path, in the order they are written."""
    found = list(_named(document.body, (), document.body, path[0]))
    for name in path[1:]:
        found = [
            inner for part in found for inner in _named(part.home, part.dotted, part.body, name)
        ]
    return found


def _named(home: Body, dotted: tuple[str, ...], body: Body, name: str) -> Iterator[Part]:
    for key, item in body:
        if key is None or key.key != name or not isinstance(item, Table | InlineTable):
            continue
        inside: Body = item.value.body
        if isinstance(item, Table) and key.is_dotted():
            yield Part(item, inside, home, (*dotted, name))
        else:
            yield Part(item, inside, inside, ())


def mark_key(part: Part) -> str:
    """Mark the end of a part's lines; return the indent of a line there."""
    end = next((i for i, (key, item) in enumerate(part.home) if _has_header(key, item)), None)
    own = part.home if end is None else part.home[:end]
    index = _end_of_lines(own)
    indent = next(
        (item.trivia.indent for key, item in reversed(own[:index]) if key is not None), ""
    )
    _mark(part.home, index)
    return indent


def mark_end(body: Body) -> None:
    """Mark the end of a table and of all below it, before what belongs to the next one."""
    deepest = _deepest(body)
    _mark(deepest, _end_of_lines(deepest))


def mark_element(tables: AoT, index: int) -> None:
    """Mark the beginning and the end of one of an array's tables."""
    table = tables.body[index]
    mark_end(table.value.body)
    table.trivia.indent = MARK + table.trivia.indent


def _deepest(body: Body) -> Body:
    for key, item in reversed(body):
        if _has_header(key, item):
            inner = item.body[-1] if isinstance(item, AoT) and item.body else item
            return _deepest(inner.value.body) if isinstance(inner, Table) else body
        if not isinstance(item, Null):
            break
    return body


def _has_header(key: Key | None, item: Item) -> bool:
    if isinstance(item, AoT):
        return True
    return isinstance(item, Table) and not (key is not None and key.is_dotted())


def _end_of_lines(body: Body) -> int:
    """Return the index after the last key, and after the comments right below it.

    Comments that go on to the end, without a blank line, stand above the next table's header.
    """
    last = max((i for i, (key, _) in enumerate(body) if key is not None), default=-1) + 1
    after = last
    while after < len(body) and isinstance(body[after][1], Comment):
        after += 1
    blank = after < len(body) and isinstance(body[after][1], Whitespace)
    return after if blank else last


def _mark(body: Body, index: int) -> None:
    body.insert(index, (None, Whitespace(MARK)))
