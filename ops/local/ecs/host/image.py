"""A container's image, volumes and environment, as a computer without images has them.

The image is that of `deploy/Dockerfile`: this interpreter's environment, and the manifest's folder
as the application. What a container's paths stand for lies below the task's own folder.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ops.local.machine.environment import apart
from ops.local.machine.furnish import install

if TYPE_CHECKING:
    from ops.local.ecs.host.facts import Container, Facts

#: What `deploy/Dockerfile` runs where a definition has no command.
COMMAND: Final = (
    "/bin/sh",
    "-c",
    'exec celery worker -Q "${FLEET_QUEUE:?expected the queue of this task}"',
)
_HOME: Final = "/var/lib/fleet"
_APPLICATION: Final = "opt/fleet/current"
_RUNTIME: Final = "/run/fleet"


def unpack(root: Path, facts: Facts) -> None:
    """Make the folders of a task, as they are before a container of it starts. Raises OSError."""
    install(root)
    application = root / _APPLICATION
    application.unlink(missing_ok=True)
    if facts.application:
        application.symlink_to(Path(facts.application).parent)
    else:
        application.mkdir()
    for each in facts.containers:
        for place in places(root, each).values():
            place.mkdir(mode=0o700, parents=True, exist_ok=True)


def workdir(root: Path) -> Path:
    """Return where a container's command begins."""
    return root / _APPLICATION


def places(root: Path, container: Container) -> dict[str, Path]:
    """Return where the folders of a container lie that it may write to, by their paths in it."""
    own = {path: root / "containers" / container.name / path[1:] for path in (_HOME, _RUNTIME)}
    return own | {path: root / "volumes" / name for path, name in container.mounts.items()}


def environment(
    root: Path,
    facts: Facts,
    container: Container,
    told: Mapping[str, str],
    environ: Mapping[str, str] = os.environ,
) -> dict[str, str]:
    """Return a container's variables: the image's, what ECS tells it (`told`), its definition's."""
    metadata = told["ECS_CONTAINER_METADATA_URI_V4"]
    at = places(root, container)
    found = {
        **apart(root, facts.endpoint, metadata, environ),
        "PATH": f"{root / 'opt/fleet/python/bin'}:{environ.get('PATH', os.defpath)}",
        "HOME": str(at[_HOME]),
        "PYTHONUNBUFFERED": "1",
        # Fargate has no metadata service of instances.
        "AWS_EC2_METADATA_DISABLED": "true",
        **told,
    }
    if facts.application:
        name = Path(facts.application).name
        found["FLEET_MANIFEST"] = str(root / _APPLICATION / name)
    if "/tmp" in at:  # noqa: S108  # the container's own
        found["TMPDIR"] = str(at["/tmp"])  # noqa: S108
    return found | {name: placed(text, at) for name, text in container.environment.items()}


def placed(text: str, at: Mapping[str, Path]) -> str:
    """Return `text` with a container's folders where they lie."""
    if not at:
        return text
    # The longest first: a folder may be mounted below another.
    known = "|".join(re.escape(path) for path in sorted(at, key=len, reverse=True))
    whole = re.compile(rf"(?<![\w./])(?:{known})(?![\w-])")
    return whole.sub(lambda found: str(at[found[0]]), text)
