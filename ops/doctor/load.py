"""Find an application and import its tasks as a worker would, without its broker."""

from __future__ import annotations

import importlib
import logging
import re
import sys
import traceback
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ops.doctor.scan import shown
from worker.refusal import Refusal

if TYPE_CHECKING:
    from celery import Celery


_NAME: Final = re.compile(r"\w+(\.\w+)*(:\w+(\.\w+)*)?")


class CannotLoad(Exception):
    """The application cannot be loaded; the text is one line with the remedy."""


def load(asked: str | None, folder: Path) -> Celery:
    """Return the application that `--app` names, with its tasks imported.

    `asked` is Celery's own way to name it (`module:app`, `module`, a package with a `celery`
    module), or None for one whose settings are `celeryconfig`. Raises CannotLoad.
    """
    # Celery logs what a receiver raises, with a traceback, and then raises it as well.
    logging.getLogger("celery.utils.dispatch.signal").disabled = True
    try:
        app = _current() if asked is None else _named(asked, folder)
        app.loader.import_default_modules()
        app.finalize()
        app.conf.task_queues  # noqa: B018  # read here, so that an unreadable configuration is named
    except CannotLoad:
        raise
    except (Exception, SystemExit) as error:
        raise CannotLoad(_why(asked, error, folder)) from error
    return app


def unreadable(asked: str | None, error: Exception) -> CannotLoad:
    """Return the error of an application that loads, with settings that Celery cannot read."""
    name = "celeryconfig" if asked is None else f"--app {asked}"
    return CannotLoad(
        f"{name}: expected settings that Celery can read, found {type(error).__name__}"
        f"{_said(error)}: correct the setting it speaks of"
    )


def _current() -> Celery:
    from celery import current_app  # noqa: PLC0415

    app: Celery = current_app._get_current_object()
    return app


def _named(asked: str, folder: Path) -> Celery:
    from celery import Celery  # noqa: PLC0415
    from celery.app.utils import find_app  # noqa: PLC0415

    module, _, attributes = asked.partition(":")
    if not _NAME.fullmatch(asked):
        raise CannotLoad(_nothing(asked, "no name of one"))
    _import(asked, module, folder)
    try:
        app = attrgetter(attributes)(sys.modules[module]) if attributes else find_app(asked)
    except AttributeError as error:
        found = f"no {attributes} in {module}" if attributes else f"none in {module}"
        raise CannotLoad(_nothing(asked, found)) from error
    app = app._get_current_object() if hasattr(app, "_get_current_object") else app
    if not isinstance(app, Celery):
        raise CannotLoad(_nothing(asked, f"a {type(app).__name__}"))
    return app


def _import(asked: str, module: str, folder: Path) -> None:
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        parent = module.rpartition(".")[0]
        if ":" not in asked and missing == module and parent:
            _import(parent, parent, folder)  # `module.app`
        elif module == missing or module.startswith(f"{missing}."):
            raise CannotLoad(
                f"--app {asked}: expected a module {missing}, found none in {folder} or installed: "
                "start it in the application's folder, or correct the name"
            ) from error
        else:
            raise


def _nothing(asked: str, found: str) -> str:
    return (
        f"--app {asked}: expected a Celery application, found {found}: "
        "name it as the worker's -A does, such as shop.celery:app"
    )


def _why(asked: str | None, error: BaseException, folder: Path) -> str:
    said = _said(error)
    if isinstance(error, Refusal):  # which names its remedy itself
        return f"celeryconfig: {error}" if asked is None else f"--app {asked}: {error}"
    if asked is None:
        return (
            f"celeryconfig: cannot be loaded: {type(error).__name__}{said}: start it where "
            "fleet.toml or celeryconfig.py lies, or name the application: --app shop.celery:app"
        )
    place = _place(error, folder)
    at = f"{place}: " if place else ""
    return (
        f"--app {asked}: {at}{type(error).__name__}{said}: mend it, or install or set what it "
        "needs (it is imported as a worker imports it)"
    )


def _said(error: BaseException) -> str:
    lines = str(error).splitlines()
    return f": {lines[0]}" if lines else ""


def _place(error: BaseException, folder: Path) -> str | None:
    """Return the innermost line of the application's own that led to the error."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{shown(Path(error.filename), folder)}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if Path(f.filename).is_relative_to(folder)]
    own = [f for f in own if "site-packages" not in f.filename]
    return f"{shown(Path(own[-1].filename), folder)}:{own[-1].lineno}" if own else None
