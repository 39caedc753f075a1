"""`KEY=VALUE` of a command line as keys of a queue in the manifest. Pure."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from ops.errors import Exit, OpsError
from worker.fleet import Nodes, Scaling

if TYPE_CHECKING:
    from ops.scaling.edit import Value

#: Windows are added and removed as wholes, by a verb of their own.
KEYS: Final = (
    "runtime",
    "slo.start_within",
    *(f"nodes.{key}" for key in Nodes.model_fields),
    *(f"scaling.{key}" for key in Scaling.model_fields if key != "windows"),
)

_WHOLE: Final = re.compile(r"-?[0-9]+")
_DECIMAL: Final = re.compile(r"-?[0-9]+\.[0-9]+")
_SHORT: Final = {key.rpartition(".")[2]: key for key in KEYS}


def parse(assignment: str) -> tuple[tuple[str, ...], Value | None]:
    """Return a key's path below its queue and its value, None where `KEY=` asks for the default.

    A key may be written without its table: `min` is `nodes.min`. Whether the value is right is
    the manifest's to say. Raises OpsError (exit 2).
    """
    name, equals, text = (part.strip() for part in assignment.partition("="))
    if not equals:
        raise OpsError(
            f"{assignment}: expected KEY=VALUE, got no =: write it as {assignment}=VALUE",
            Exit.USAGE,
        )
    key = name if name in KEYS else _SHORT.get(name)
    if key is None:
        close = get_close_matches(name, [*KEYS, *_SHORT], n=1)
        remedy = f"did you mean {close[0]}?" if close else f"choose one of {', '.join(KEYS)}"
        if name in ("windows", "scaling.windows"):
            remedy = "use ops scaling policy schedule"
        raise OpsError(f"{name}: expected a key of a queue's scaling: {remedy}", Exit.USAGE)
    return tuple(key.split(".")), _value(key, text)


def _value(key: str, text: str) -> Value | None:
    if text == "":
        return None
    if key == "scaling.policies":
        return [part.strip() for part in text.split(",")]
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if _DECIMAL.fullmatch(text) else text
