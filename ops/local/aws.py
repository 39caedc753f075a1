"""The local AWS: its process, and the environment in which nothing reaches another."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ops.local.process import start_server

_ROOT: Final = Path(__file__).resolve().parents[2]

#: What would lead a process to other credentials, regions, endpoints, manifests or settings.
_OTHERS: Final = ("AWS_", "FLEET_", "CELERY_", "MOTO_", "BOTO_")
_PROXIES: Final = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


def local_environment(url: str, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return an environment whose AWS is the one at `url`, for every service, and no other.

    Credentials are dummies, and no file, profile, metadata service or proxy is asked.
    AWS_ENDPOINT_URL is botocore's for all services (since 1.28, "Service-specific endpoints" in
    the AWS SDKs and Tools Reference Guide).
    """
    kept = {
        name: value
        for name, value in environ.items()
        if not name.startswith(_OTHERS) and name.lower() not in _PROXIES
    }
    return {
        **kept,
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1,localhost",
    }


@contextmanager
def local_aws(
    folder: Path, on_wait: Callable[[], None], arguments: Sequence[str] = ()
) -> Iterator[str]:
    """Run a local AWS and yield its URL; it is empty at the start, and forgets all at the end.

    Its log is `folder`/aws.log; `arguments` are more of `ops.local.server`'s. `on_wait` is called
    while it starts, and may raise. Raises OpsError where it does not start.
    """
    # What it might call itself (moto can) stays on this machine, where nobody listens.
    env = {**local_environment("http://127.0.0.1:9"), "PYTHONPATH": str(_ROOT)}
    child, url = start_server(
        "local AWS",
        [sys.executable, "-m", "ops.local.server", *arguments],
        env=env,
        cwd=folder,
        log=folder / "aws.log",
        on_wait=on_wait,
    )
    try:
        yield url
    finally:
        child.end()
