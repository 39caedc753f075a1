"""A history as text that fits a table's item, and back: a few KB, at most 28."""

from __future__ import annotations

import base64
import binascii
import sys
import zlib
from array import array
from typing import Final

from ops.scaling.forecast.history import KEPT_BUCKETS, MOST, History

_UNKNOWN: Final = MOST + 1
_FORM: Final = "1"


def to_text(history: History) -> str:
    """Return the history as ASCII.

    Counts are four bytes each, all lowest bytes first, then the next: the high ones are nearly all
    zero and zlib takes them away. At worst nothing compresses: 5,184 x 4 bytes x 4/3 for base64.
    """
    words = array("I", (_UNKNOWN if n is None else n for n in history.counts))
    if sys.byteorder == "big":
        words.byteswap()
    raw = words.tobytes()
    planes = b"".join(raw[i::4] for i in range(4))
    data = base64.b64encode(zlib.compress(planes, 6)).decode()
    told = "" if history.told is None else repr(history.told)
    return f"{_FORM}|{history.first}|{told}|{history.arrived!r}|{history.covered!r}|{data}"


def from_text(text: str) -> History:
    """Return the history that `to_text` wrote. Raises ValueError for anything else."""
    try:
        form, first, told, arrived, covered, data = text.split("|")
        if form != _FORM:
            raise ValueError(f"form {form!r}")
        inflate = zlib.decompressobj()
        planes = inflate.decompress(base64.b64decode(data, validate=True), 4 * KEPT_BUCKETS)
        if not inflate.eof or len(planes) % 4:
            raise ValueError(f"{len(planes)} bytes")
        return History(
            int(first),
            _counts(planes),
            float(told) if told else None,
            float(arrived),
            float(covered),
        )
    except (ValueError, binascii.Error, zlib.error) as wrong:
        raise ValueError(
            f"history: expected text as to_text writes it, got {text[:40]!r} ({wrong}): "
            "delete it, and it is gathered anew"
        ) from None


def _counts(planes: bytes) -> tuple[int | None, ...]:
    size = len(planes) // 4
    raw = bytearray(len(planes))
    for i in range(4):
        raw[i::4] = planes[i * size : (i + 1) * size]
    words = array("I", bytes(raw))
    if sys.byteorder == "big":
        words.byteswap()
    return tuple(None if n == _UNKNOWN else n for n in words)
