"""On which machines the Lambdas' code can be made: a table of platforms, and this one."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import pytest

from ops.errors import Exit, OpsError
from ops.stack.lambda_code import _runtimes
from ops.stack.lambda_platform import Platform, Target, here, target

RUNTIMES = ("python3.9", "python3.10", "python3.11", "python3.12", "python3.13")
GOOD = Platform("linux", "glibc", "x86_64", 64, "cpython", (3, 12))


@pytest.mark.parametrize(
    ("machine", "architecture"),
    [("x86_64", "x86_64"), ("AMD64", "x86_64"), ("aarch64", "arm64"), ("arm64", "arm64")],
)
def test_linux_with_glibc_makes_code_for_its_own_like(machine: str, architecture: str) -> None:
    found = target(replace(GOOD, machine=machine), RUNTIMES)
    assert found == Target("python3.12", architecture)


@pytest.mark.parametrize(
    ("change", "expected", "found"),
    [
        ({"system": "darwin", "libc": ""}, "Linux with glibc", "darwin"),
        ({"system": "darwin", "libc": "", "machine": "arm64"}, "Linux with glibc", "darwin"),
        ({"system": "win32", "libc": "", "machine": "AMD64"}, "Linux with glibc", "win32"),
        ({"libc": "musl"}, "Linux with glibc", "linux with musl"),
        ({"libc": ""}, "Linux with glibc", "linux with another library than glibc"),
        ({"machine": "riscv64"}, "an x86_64 or arm64 machine", "64 bits of riscv64"),
        ({"machine": "i686", "bits": 32}, "an x86_64 or arm64 machine", "32 bits of i686"),
        ({"bits": 32}, "an x86_64 or arm64 machine", "32 bits of x86_64"),
        ({"machine": ""}, "an x86_64 or arm64 machine", "64 bits of ?"),
        ({"implementation": "pypy"}, "CPython with its lock", "pypy"),
        ({"threaded": True}, "CPython with its lock", "a free-threaded build"),
    ],
)
def test_what_lambda_could_not_load_is_refused_with_the_remedy(
    change: dict[str, Any], expected: str, found: str
) -> None:
    with pytest.raises(OpsError) as refused:
        target(replace(GOOD, **change), RUNTIMES)
    said = str(refused.value)
    assert refused.value.code == Exit.FAILED
    assert said.startswith(f"the Lambdas' code: expected {expected}")
    assert f", found {found}: run ops stack plan and apply on Linux" in said
    assert said.endswith("with celery-sqs-fleet installed there")


def test_a_python_that_lambda_has_not_is_refused_with_those_it_has() -> None:
    with pytest.raises(OpsError) as refused:
        target(replace(GOOD, version=(3, 99)), RUNTIMES)
    assert str(refused.value).startswith(
        "the Lambdas' code: expected a Python that Lambda has (python3.11, python3.12, "
        "python3.13), found python3.99: install celery-sqs-fleet with one of these"
    )


def test_the_runtimes_are_botocore_s() -> None:
    assert {"python3.11", "python3.13"} <= _runtimes()
    assert all(name.startswith("python3.") or name == "python2.7" for name in _runtimes())


@pytest.mark.skipif(sys.platform != "linux", reason="the fleet's own tests run on Linux")
def test_this_interpreter_is_seen_as_it_is() -> None:
    found = here()
    assert found.system == "linux"
    assert found.version == sys.version_info[:2]
    assert found.bits == 64
    assert target(found, _runtimes()).runtime == f"python3.{sys.version_info.minor}"
