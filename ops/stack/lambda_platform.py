"""What the Lambdas' code can be made on: machines of Lambda's own kind. Pure.

Their zip is made of what is installed, and parts of that are compiled (pydantic-core): on another
system, processor or Python they do not load, and no function of the fleet ever runs.
"""

from __future__ import annotations

import platform
import sys
import sysconfig
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from ops.errors import OpsError

#: Lambda's names of processors by what machines call themselves.
_PROCESSORS: Final = {"aarch64": "arm64", "arm64": "arm64", "amd64": "x86_64", "x86_64": "x86_64"}
#: Of those that celery-sqs-fleet runs on.
_OLDEST: Final = (3, 11)
_REMEDY: Final = (
    "run ops stack plan and apply on Linux of an x86_64 or arm64 machine with glibc, such as CI or "
    "a container of python:3.13-slim, with celery-sqs-fleet installed there"
)


@dataclass(frozen=True, slots=True)
class Platform:
    """An interpreter and what it runs on, by `sys`, `platform` and `sysconfig`'s names."""

    system: str
    libc: str
    machine: str
    bits: int
    implementation: str
    version: tuple[int, int]
    threaded: bool = False
    """Built without the interpreter's lock: compiled modules of it fit no other."""


@dataclass(frozen=True, slots=True)
class Target:
    """What Lambda is to run the code on, by Lambda's names."""

    runtime: str
    architecture: str


def here() -> Platform:
    """Return this interpreter's platform."""
    return Platform(
        system=sys.platform,
        libc=platform.libc_ver()[0],
        machine=platform.machine(),
        bits=64 if sys.maxsize > 1 << 32 else 32,
        implementation=sys.implementation.name,
        version=(sys.version_info.major, sys.version_info.minor),
        threaded=bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    )


def target(of: Platform, runtimes: Collection[str]) -> Target:
    """Return what Lambda runs the code of a platform on; `runtimes` are the names of those it has.

    Raises OpsError for a platform that Lambda has no like of.
    """
    architecture = _PROCESSORS.get(of.machine.lower())
    if of.system != "linux" or of.libc != "glibc":
        library = f" with {of.libc or 'another library than glibc'}" if of.system == "linux" else ""
        raise _refused("Linux with glibc, as Lambda has", f"{of.system}{library}")
    if architecture is None or of.bits != 64:
        raise _refused("an x86_64 or arm64 machine", f"{of.bits} bits of {of.machine or '?'}")
    if of.implementation != "cpython" or of.threaded:
        kind = "a free-threaded build" if of.threaded else of.implementation
        raise _refused("CPython with its lock, as Lambda has", kind)
    runtime = f"python{of.version[0]}.{of.version[1]}"
    if runtime not in runtimes:
        usable = (name for name in runtimes if _by_version(name) >= _OLDEST)
        known = ", ".join(sorted(usable, key=_by_version)) or "none"
        raise OpsError(
            f"the Lambdas' code: expected a Python that Lambda has ({known}), found {runtime}: "
            "install celery-sqs-fleet with one of these, or a later boto3 if Lambda has it by now"
        )
    return Target(runtime, architecture)


def _refused(expected: str, found: str) -> OpsError:
    return OpsError(
        f"the Lambdas' code: expected {expected}, since it is made of what is installed here, "
        f"found {found}: {_REMEDY}"
    )


def _by_version(runtime: str) -> tuple[int, ...]:
    words = runtime.removeprefix("python").split(".")
    return tuple(int(word) if word.isdigit() else 0 for word in words)
