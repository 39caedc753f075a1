"""Read an application and its account into a snapshot, and say what was not looked at."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from ops.aws import sqs
from ops.doctor.account import REST, read_account
from ops.doctor.ask import ask
from ops.doctor.names import wanted_names
from ops.doctor.propose import built, propose
from ops.doctor.scan import find, scan
from ops.doctor.snapshot import Application, Snapshot
from ops.doctor.stores import Stores
from ops.errors import OpsError

Progress = Callable[[str, int], AbstractContextManager[Callable[[str], None]]]
Waiting = Callable[[str, Callable[[], str]], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class Examined:
    """What was read, what was not (a line each), and a manifest where there is none yet."""

    snapshot: Snapshot
    not_looked: tuple[str, ...]
    proposal: str | None


def examine(
    asked: str | None,
    *,
    offline: bool,
    progress: Progress,
    waiting: Waiting,
    env: Mapping[str, str] = os.environ,
) -> Examined:
    """Read the application that `--app` names, its code and, unless `offline`, its account.

    Raises OpsError where the application cannot be loaded. An account that cannot be read is
    no error: it is not looked at, and that is said.
    """
    module = (asked or "celeryconfig").partition(":")[0]
    with waiting("doctor", lambda: f"the import of {module}"):
        application = ask(asked)
    folder = Path.cwd().resolve()
    files, not_looked = find([Path(root) for root in application.roots])
    with progress("reading code", len(files)) as step:
        modules, unread = scan(files, map(Path, application.task_files), folder, step)
    not_looked += unread
    proposal = None
    if application.fleet is None:
        proposal = propose(application, modules, env.get("AWS_REGION") or None)
    snapshot = Snapshot(application, tuple(modules))
    if offline:
        not_looked.append("AWS: the account, as asked (--offline)")
    else:
        snapshot, unread = _with_account(snapshot, proposal, progress, env)
        not_looked += unread
    return Examined(snapshot, tuple(not_looked), proposal)


def _with_account(
    snapshot: Snapshot, proposal: str | None, progress: Progress, env: Mapping[str, str]
) -> tuple[Snapshot, list[str]]:
    application = snapshot.application
    fleet = application.fleet if proposal is None else built(proposal)
    assert fleet is not None  # noqa: S101  # there is a proposal where there is no fleet
    names = wanted_names(application)
    try:
        client = sqs(fleet, env)
        stores = None if application.fleet is None else Stores(fleet, env)
    except OpsError as error:
        return snapshot, [f"AWS: the account: {str(error).removeprefix('AWS: ')}"]
    total = len(names) + 1 + (0 if stores is None else len(stores))
    with progress("reading the account", total) as step:
        account, unread = read_account(client, names, _prefix(application), step)
        if stores is not None and REST not in unread:
            found, more = stores.read(step)
            account, unread = replace(account, stores=found), unread + more
    return replace(snapshot, account=account), unread


def _prefix(application: Application) -> str:
    return str(application.options.get("queue_name_prefix") or "")
