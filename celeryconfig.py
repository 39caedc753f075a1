"""The manifest as Celery settings. `celery worker -Q QUEUE` finds this module by its name.

Celery takes any ImportError in here for "no configuration" and goes on with a broker on
localhost, so whatever goes wrong is said in one line, and nothing starts.
"""

import sys
from pathlib import Path
from typing import Any, NoReturn


def _settings() -> dict[str, Any]:
    try:
        from worker import settings  # noqa: PLC0415

        if Path(settings.__file__).resolve().parent.parent != Path(__file__).resolve().parent:
            raise ImportError("shadowed")
    except Exception as error:
        _refuse(error)
    return settings.from_manifest()


def _refuse(error: Exception) -> NoReturn:
    """Say why celery-sqs-fleet cannot be imported, without being able to import any of it."""
    ours = Path(__file__).resolve().parent / "worker"
    found = getattr(sys.modules.get("worker"), "__file__", None)
    if found and Path(found).resolve().parent != ours:
        why = (
            f"expected the package worker in {ours}, found {found}, which hides it: "
            "rename that module of yours"
        )
    else:
        why = f"cannot be loaded: {type(error).__name__}: {error}: install celery-sqs-fleet anew"
    line = f"celeryconfig: {why}"
    if "celery.bin.celery" not in sys.modules:
        raise RuntimeError(line) from error
    print(line, file=sys.stderr)  # noqa: T201
    raise SystemExit(2)


globals().update(_settings())
