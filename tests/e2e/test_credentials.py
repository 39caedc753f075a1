"""Credentials that expire under a running worker, and are found anew where they came from."""

from __future__ import annotations

import json
import time
from pathlib import Path

from tests.e2e.fleet import Fleet, Worker, one_queue, wait_for
from tests.e2e.stream import settled, streaming

#: No key in the environment: boto3 takes an empty variable for an absent one.
NOWHERE = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}


def _shared_file(folder: Path, access_key: str) -> dict[str, str]:
    """Write a credentials file as a login tool does; return the environment that names it."""
    path = folder / "credentials"
    fresh = path.with_suffix(".new")
    fresh.write_text(
        f"[default]\naws_access_key_id = {access_key}\naws_secret_access_key = secret\n"
    )
    fresh.rename(path)
    return {**NOWHERE, "AWS_SHARED_CREDENTIALS_FILE": str(path)}


def _process(folder: Path, access_key: str) -> dict[str, str]:
    """Write the answer of a credential_process; return the environment whose profile runs it."""
    answer, config = folder / "answer.json", folder / "config"
    fresh = answer.with_suffix(".new")
    fresh.write_text(
        json.dumps({"Version": 1, "AccessKeyId": access_key, "SecretAccessKey": "secret"})
    )
    fresh.rename(answer)
    config.write_text(f"[default]\ncredential_process = /bin/cat {answer}\n")
    return {**NOWHERE, "AWS_CONFIG_FILE": str(config)}


def test_expired_credentials_are_looked_up_anew(tmp_path: Path) -> None:
    with one_queue(tmp_path, pool="threads", lease="20s", max_receives=50) as fleet:
        sources = {"FILE": _shared_file, "PROCESS": _process}
        workers = {
            name: fleet.start(**write(tmp_path, f"{name}1")) for name, write in sources.items()
        }
        with streaming(fleet, (0.05, 0.3)) as stream:
            wait_for(lambda: len(fleet.finished()) > 5, "tasks to flow", workers["FILE"])
            for name in sources:
                fleet.sqs.expire_access_key(f"{name}1")
            time.sleep(3.0)
            assert not _received(fleet, workers, 2)
            # Old ones all the while: no more tries than backoff allows.
            assert 2 <= fleet.sqs.calls().answers(outcome="ExpiredToken") <= 60
            for name, write in sources.items():
                write(tmp_path, f"{name}2")
            began = time.monotonic()
            wait_for(lambda: len(_received(fleet, workers, 2)) == 2, "new keys", workers["FILE"])
            assert time.monotonic() - began < 30.0
        settled(fleet, stream, workers["FILE"])
        assert set(fleet.run_counts().values()) == {1}
        assert all(worker.alive() for worker in workers.values())


def _received(fleet: Fleet, workers: dict[str, Worker], number: int) -> list[str]:
    """Return the workers that have received with their key of this number."""
    calls = fleet.sqs.calls()
    return [name for name in workers if calls.requests("ReceiveMessage", None, f"{name}{number}")]
