"""Where a machine finds the files of a unit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from ops.local.machine.substitute import substitute
from ops.local.machine.unit_text import Source, UnitError

if TYPE_CHECKING:
    from ops.local.machine.units import Name

#: The units of a prepared image: beside the code in a checkout, inside the package where it is
#: installed.
_PLACES: Final = (
    Path(__file__).resolve().parents[3] / "deploy/systemd",
    Path(__file__).resolve().parent / "systemd",
)

#: Below the root: what is to be started with the machine (`systemctl enable`).
WANTS: Final = "etc/systemd/system/multi-user.target.wants"


def sources(of: Name, root: Path) -> list[Source]:
    """Return a unit's file and then its drop-ins, paths in their texts below `root`.

    As systemd does: what lies in /etc hides what lies in /run and what is installed, an
    instance's own drop-ins come with its template's, ordered by their names. Raises UnitError.
    """
    own = [root / "etc/systemd/system", root / "run/systemd/system"]
    names = [of.whole, *([of.template] if of.template is not None else [])]
    files = [folder / called for called in names for folder in (*own, *_PLACES)]
    found = next((file for file in files if file.is_file()), None)
    if found is None:
        raise UnitError(
            f"Unit {of.whole} not found: expected {names[-1]} in {own[0]} or {_PLACES[0]}"
        )
    drop_ins: dict[str, Path] = {}
    for called in names:
        for folder in own:
            for file in (folder / f"{called}.d").glob("*.conf"):
                drop_ins.setdefault(file.name, file)
    paths = [found, *(drop_ins[key] for key in sorted(drop_ins))]
    try:
        return [Source(str(path), substitute(path.read_text(), root)) for path in paths]
    except (OSError, ValueError) as error:
        raise UnitError(f"{of.whole}: its files cannot be read: {error}") from None
