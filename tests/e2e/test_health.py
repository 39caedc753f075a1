"""A worker made deaf is found by /healthz, well again after, and told from one that only waits."""

from __future__ import annotations

import json
import time
from pathlib import Path

import psutil

from ops.node.seen import seen
from tests.e2e.fleet import Fleet, Worker, one_queue, wait_for
from tests.e2e.test_credentials import NOWHERE
from tests.e2e.watching import Systemd, get, health, systemd
from tests.sqs import Fault
from worker.health import ACKS_STUCK_SECONDS, deaf_after_seconds

POLL_SECONDS = 2.0
#: A watchdog's time, and how long to see that it is not fed.
WATCHDOG_SECONDS = 2.0
#: A snapshot is a second old at most; the rest is for a busy machine.
MARGIN_SECONDS = 6.0


def _ill(worker: Worker, reason: str, within: float) -> float:
    """Wait until /healthz says ``reason``; return how long that took."""
    began = time.monotonic()
    status, reasons = wait_for(
        lambda: found if reason in str(found := health(worker)) else None, reason, worker, within
    )
    assert status == 503
    assert len(reasons) == 1
    return time.monotonic() - began


def _well(worker: Worker) -> None:
    wait_for(lambda: health(worker) == (200, []), "a worker that is well again", worker)


def _credentials(folder: Path) -> dict[str, str]:
    """Return the environment of a worker whose credentials come from a program.

    They are about to expire, so that botocore asks for others at every call, and waits for them
    without end: while the file ``hang`` is there, one that asks gets none.
    """
    answer = folder / "answer.json"
    expiry = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 14 * 60))
    answer.write_text(
        json.dumps(
            {"Version": 1, "AccessKeyId": "KEY", "SecretAccessKey": "s", "Expiration": expiry}
        )
    )
    program = folder / "program"
    program.write_text(
        "#!/bin/sh\n"
        f"if [ -e {folder}/hang ]; then echo $$ >> {folder}/hanging; exec sleep 600; fi\n"
        f"exec cat {answer}\n"
    )
    program.chmod(0o700)
    config = folder / "config"
    config.write_text(f"[default]\ncredential_process = {program}\n")
    return {**NOWHERE, "AWS_CONFIG_FILE": str(config)}


def _refused(fleet: Fleet) -> Worker:
    """Start a worker whose deletes SQS refuses, with a task that it has run."""
    worker = fleet.start(AWS_ACCESS_KEY_ID="REFUSED")
    fleet.sqs.add_fault(
        Fault(
            "error",
            code="AccessDeniedException",
            actions=("DeleteMessageBatch",),
            access_key_ids=("REFUSED",),
        )
    )
    fleet.submit("e2e.nap")
    wait_for(fleet.finished, "a task that cannot be deleted", worker)
    return worker


def _watched(fleet: Fleet, watching: Systemd, **env: str) -> Worker:
    """Start a worker under a watchdog and wait until it has polled well and feeds it."""
    interval = str(int(WATCHDOG_SECONDS * 1_000_000))
    worker = fleet.start(NOTIFY_SOCKET=watching.address, WATCHDOG_USEC=interval, **env)
    wait_for(lambda: watching.count("READY=1"), "its start", worker)
    wait_for(lambda: get(worker, "/readyz")[0] == 200, "an answered poll", worker)
    assert watching.feeds_within(WATCHDOG_SECONDS)
    return worker


def test_the_deaf_and_the_stuck_are_found_and_well_again_after(tmp_path: Path) -> None:
    """Deletes that are refused, a broker that falls silent, and a polling thread that hangs."""
    (tmp_path / "other").mkdir()
    with (
        one_queue(tmp_path, pool="threads", poll=f"{POLL_SECONDS:g}s", lease="20s") as fleet,
        systemd(tmp_path) as mutes,
        systemd(tmp_path / "other") as hangs,
    ):
        refused = _refused(fleet)
        mute = _watched(fleet, mutes, AWS_ACCESS_KEY_ID="MUTE")
        hung = _watched(fleet, hangs, **_credentials(tmp_path))
        assert (health(mute), health(hung)) == ((200, []), (200, []))

        fleet.sqs.add_fault(Fault("silent", access_key_ids=("MUTE",)))
        (tmp_path / "hang").touch()
        for worker in (mute, hung):
            found_after = _ill(worker, "no poll was answered for", within=30.0)
            assert found_after < deaf_after_seconds(POLL_SECONDS) + MARGIN_SECONDS
        _ill(refused, "could not be deleted", ACKS_STUCK_SECONDS + MARGIN_SECONDS)
        assert "polls fail (transient)" in str(health(mute))
        assert "polls fail" not in str(health(hung))

        told = [worker.status() for worker in (hung, mute, refused)]
        assert [each["restart_helps"] for each in told] == [True, False, False]
        # What the node's agent takes of it: that worker is not deaf.
        assert not seen(refused.process.pid, {**told[2], "ok": True}).listens

        status = fleet.ops("node", "status")
        assert status.returncode == 3
        assert status.stdout.count(" bad ") == 3
        assert f"{mute.process.pid}: unhealthy: no poll was answered" in status.stdout
        # (Its socket holds ten lines, and was not read meanwhile.)
        wait_for(
            lambda: any(line.startswith("STATUS=unhealthy: no poll") for line in mutes.told),
            "a status that says so",
            mute,
        )
        # systemd is to end the one that a new start would mend, and not the other.
        assert mutes.feeds_within(WATCHDOG_SECONDS)
        assert not hangs.feeds_within(WATCHDOG_SECONDS)

        fleet.sqs.clear_faults()
        (tmp_path / "hang").unlink()
        for pid in map(int, (tmp_path / "hanging").read_text().split()):
            psutil.Process(pid).kill()
        for worker in (refused, mute, hung):
            _well(worker)
        wait_for(fleet.empty, "the delete", refused)
        assert hangs.feeds_within(WATCHDOG_SECONDS)
        assert fleet.ops("node", "status").returncode == 0


def test_what_is_no_ailment(tmp_path: Path) -> None:
    """Every slot busy for longer than two polls, under two pools; paused; draining."""
    with one_queue(tmp_path, poll="1s") as fleet:
        workers = {}
        for number, (name, pool) in enumerate(
            {"draining": "prefork", "busy": "prefork", "busy too": "solo"}.items(), 1
        ):
            workers[name] = fleet.start("-P", pool, "-c", "1")
            fleet.submit("e2e.nap", 60.0)
            wait_for(lambda n=number: len(fleet.runs()) == n, "its task", workers[name])
            if name == "draining":
                workers[name].order("drain")
        workers["paused"] = fleet.start("-P", "threads")
        workers["paused"].order("pause")
        wait_for(lambda: workers["paused"].status()["phase"] == "paused", "a pause")

        ends = time.monotonic() + deaf_after_seconds(1.0) + 2.0
        while time.monotonic() < ends:
            for name, worker in workers.items():
                assert health(worker) == (200, []), name
            time.sleep(0.25)
        assert {name: get(worker, "/readyz")[0] for name, worker in workers.items()} == {
            "draining": 503,
            "busy": 200,
            "busy too": 200,
            "paused": 503,
        }
        assert fleet.ops("node", "status").returncode == 0
        workers["paused"].order("resume")
        wait_for(lambda: get(workers["paused"], "/readyz")[0] == 200, "readiness")
