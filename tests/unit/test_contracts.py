"""What we build on in Celery and kombu is as it was when we built on it, piece by piece.

A failure here means that one of them changed under us: read what the message names before
anything else.
"""

from __future__ import annotations

import importlib
import inspect
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType

import pytest
from celery.backends.base import DisabledBackend
from celery.backends.dynamodb import DynamoDBBackend
from celery.backends.s3 import S3Backend
from celery.concurrency import solo, thread
from celery.worker.consumer import Consumer as CeleryConsumer
from celery.worker.request import Request as CeleryRequest
from kombu import Producer
from kombu.transport import SQS, virtual
from kombu.utils.objects import cached_property

from tests import contracts
from worker import backends, consumer, pools, request
from worker.publish.message import CatchingProducer
from worker.sqs import transport

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = Path(__file__).parent / "contracts"
FILES = {name: FOLDER / f"{name}.toml" for name in ("celery", "kombu")}
PIECES = [piece for file in FILES.values() for piece in contracts.load(file)]


@pytest.mark.parametrize("package", FILES)
def test_the_version_is_the_one_the_contract_is_for(package: str) -> None:
    version = importlib.import_module(package).__version__
    assert version == "5.7.0", f"review {FILES[package]} with the new one"


@pytest.mark.parametrize("piece", PIECES, ids=[piece.path for piece in PIECES])
def test_a_piece_is_as_expected(piece: contracts.Piece) -> None:
    assert piece.broken() is None


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (request.Request, CeleryRequest),
        (consumer.Consumer, CeleryConsumer),
        (pools.ThreadPool, thread.TaskPool),
        (pools.SoloPool, solo.TaskPool),
        (backends.Off, DisabledBackend),
        (backends.Steady, DynamoDBBackend),
        (backends.Steady, S3Backend),
        (backends.DynamoDB, DynamoDBBackend),
        (backends.S3, S3Backend),
        (transport.Channel, SQS.Channel),
        (transport.Transport, SQS.Transport),
        (transport.Message, virtual.Message),
        (CatchingProducer, Producer),
    ],
)
def test_every_method_overridden_is_in_the_contract(ours: type, theirs: type) -> None:
    assert set(overridden(ours, theirs)) - {piece.path for piece in PIECES} == set()


def overridden(ours: type, theirs: type) -> Iterator[str]:
    """Yield the path of each method and property of theirs that ours has as well."""
    kinds = (FunctionType, property, cached_property, classmethod, staticmethod)
    for name in vars(ours):
        if not isinstance(inspect.getattr_static(theirs, name, None), kinds):
            continue
        owner = next(cls for cls in theirs.__mro__ if name in vars(cls))
        yield f"{owner.__module__.removesuffix('.__init__')}:{owner.__name__}.{name}"


@pytest.mark.parametrize(
    ("changed", "before", "after", "said"),
    [
        (
            "celery/worker/consumer/consumer.py",
            "call_soon_ack",
            "call_ack_soon",
            [
                "Consumer.call_soon_ack is gone",
                "Consumer.create_task_handler has another source",
            ],
        ),
        (
            "kombu/transport/SQS/__init__.py",
            "    def _schedule_queue(self, queue):\n",
            "    def _schedule_queue(self, queue, now=False):\n",
            ["kombu.transport.SQS:Channel._schedule_queue takes (self, queue, now=), expected"],
        ),
        (
            "kombu/transport/SQS/__init__.py",
            "def _resolve_queue_url(",
            "def _find_queue_url(",
            ["_resolve_queue_url is gone"],
        ),
        (
            "kombu/transport/SQS/__init__.py",
            "self.hub.call_soon(self._schedule_queue, queue)\n        return super()",
            "self.hub.call_later(1, self._schedule_queue, queue)\n        return super()",
            ["kombu.transport.SQS:Channel.basic_consume has another source"],
        ),
    ],
)
def test_a_package_that_has_changed_breaks_its_contract(
    tmp_path: Path, changed: str, before: str, after: str, said: list[str]
) -> None:
    package = changed.partition("/")[0]
    installed = Path(str(importlib.import_module(package).__file__)).parent
    shutil.copytree(installed, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    file = tmp_path / changed
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after))
    ran = subprocess.run(
        [sys.executable, "-m", "tests.contracts", str(FILES[package])],
        cwd=REPOSITORY,
        env={"PYTHONPATH": f"{tmp_path}:{REPOSITORY}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 1, ran.stderr
    for line in said:
        assert line in ran.stdout
    assert " builds on it; look again at: " in ran.stdout
