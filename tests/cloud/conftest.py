"""A local AWS for each process of tests; for each test a proxy before it, and a registry on it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from ops.local.aws import local_aws
from ops.registry.lease import Lease
from ops.registry.registry import Registry
from tests.cloud.registry_table import Bench
from tests.faulty import Faulty


# It takes seconds to start. Each test has a fleet of its own on it, by a name of its own.
@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with local_aws(tmp_path_factory.mktemp("aws"), lambda: None) as url:
        yield url


@pytest.fixture
def proxy(aws: str) -> Iterator[Faulty]:
    with Faulty(aws) as proxy:
        yield proxy


@pytest.fixture
def bench(proxy: Faulty) -> Bench:
    return Bench(proxy)


@pytest.fixture
def engine(bench: Bench) -> Registry:
    return bench.registry()


@pytest.fixture
def lease(engine: Registry) -> Lease:
    lease = engine.take("a", time.time(), 60)
    assert lease is not None
    return lease
