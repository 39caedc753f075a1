"""Durations (`"1h30m"`) and sizes (`"512MiB"`) as the manifest writes them."""

import re
from datetime import timedelta

from worker.manifest.problems import RefusedValueError, quoted

# Kept free of look-ahead: editors check the schema with engines that have none. The schema asks
# for a minimum length of two instead, which is what rules out the empty text here.
DURATION_PATTERN = r"^([0-9]{1,7}d)?([0-9]{1,7}h)?([0-9]{1,7}m)?([0-9]{1,7}s)?$"
SIZE_PATTERN = r"^[0-9]{1,9}(KiB|MiB|GiB)$"

_DURATION = re.compile(DURATION_PATTERN)
_SIZE = re.compile(r"([0-9]{1,9})(KiB|MiB|GiB)")
_SECONDS_OF = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_BYTES_OF = {"GiB": 1 << 30, "MiB": 1 << 20, "KiB": 1 << 10}


def parse_duration(text: object) -> timedelta:
    """Read `"90s"`, `"15m"`, `"2h"`, `"4d"` or a combination such as `"1h30m"`.

    A timedelta is returned as it is, if it is whole seconds and not negative. Raises
    RefusedValueError for anything else; a bare number is refused because it does not say its unit.
    """
    if isinstance(text, timedelta):
        if text < timedelta(0) or text.microseconds:
            raise RefusedValueError("whole seconds, not negative", "round it", str(text))
        return text
    if isinstance(text, int | float) and not isinstance(text, bool):
        raise RefusedValueError("a duration with its unit", f'add one, such as "{text:g}s"')
    if not isinstance(text, str) or not text or _DURATION.fullmatch(text) is None:
        raise RefusedValueError(
            "a duration", 'write days, hours, minutes and seconds as in "90s", "15m" or "1h30m"'
        )
    parts = re.findall(r"([0-9]+)([dhms])", text)
    return timedelta(seconds=sum(int(count) * _SECONDS_OF[unit] for count, unit in parts))


def format_duration(duration: timedelta) -> str:
    """Write whole seconds in the largest units that hold them: 5400 s is `1h30m`, 0 is `0s`."""
    rest = int(duration.total_seconds())
    text = ""
    for unit, seconds in _SECONDS_OF.items():
        count, rest = divmod(rest, seconds)
        text += f"{count}{unit}" if count else ""
    return text or "0s"


def parse_size(text: object) -> int:
    """Read `"512MiB"`, `"2GiB"` or `"900KiB"` as bytes; raise RefusedValueError otherwise."""
    if isinstance(text, int | float) and not isinstance(text, bool):
        raise RefusedValueError("a size with its unit", f'add one, such as "{text:g}MiB"')
    match = _SIZE.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise RefusedValueError("a size", 'write KiB, MiB or GiB as in "512MiB"', quoted(text))
    return int(match[1]) * _BYTES_OF[match[2]]


def format_size(size_bytes: int) -> str:
    """Write bytes in the largest unit that divides them: 536870912 is `512MiB`."""
    for unit, factor in _BYTES_OF.items():
        if size_bytes and size_bytes % factor == 0:
            return f"{size_bytes // factor}{unit}"
    return f"{size_bytes}B"
