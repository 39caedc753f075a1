"""Fixtures of the strict server's own tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.sqs import Control, StrictSqs
from tests.sqs.callers import make_client

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


@pytest.fixture
def server() -> Iterator[StrictSqs]:
    with StrictSqs() as strict:
        yield strict


@pytest.fixture
def control(server: StrictSqs) -> Control:
    return server.control


@pytest.fixture
def sqs(server: StrictSqs) -> SQSClient:
    return make_client(server.url)
