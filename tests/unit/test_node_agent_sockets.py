"""The sockets of a node: the agent's own, and those of the workers that it looks at."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from ops.errors import OpsError
from ops.node import holding
from ops.node.hearing import Ear, ask
from ops.node.local import Worker
from ops.node.looking import look
from worker import control


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A runtime folder that others may look into, as an operator may have made it."""
    tmp_path.chmod(0o755)
    monkeypatch.setenv(control.DIRECTORY_VARIABLE, str(tmp_path))
    return tmp_path


def test_the_agents_socket_is_for_its_user_alone_wherever_it_is(runtime: Path) -> None:
    ear = Ear("media-video", lambda verb: {"asked": verb})
    ear.open()
    try:
        (socket,) = runtime.iterdir()
        assert stat.S_IMODE(socket.stat().st_mode) == 0o600
        assert ask("media-video", "withdraw") == {"ok": True, "asked": "withdraw"}
    finally:
        ear.close()


def test_a_node_has_its_own_queues_workers_and_no_others(runtime: Path) -> None:
    def serve(name: str) -> None:
        status: dict[str, Any] = {"phase": "starting", "reason": name, "release": None}
        path = runtime / f"{name}-{os.getpid()}.sock"
        control.serve(path, lambda _: None, lambda: status)

    # Fleets named so that one's queue ends like another's, or begins like it.
    for name in ("media-video", "eu-media-video", "media-video-hd", "media-mail"):
        serve(name)
    for name in ("media-video", "eu-media-video"):
        assert [worker.reason for worker in look(name).workers] == [name]


def test_a_runtime_folder_that_is_none_is_told_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    folder.write_text("in the way")
    monkeypatch.setenv(control.DIRECTORY_VARIABLE, str(folder))
    with pytest.raises(OpsError) as told:
        Ear("media-video", lambda _: {}).open()
    assert str(told.value) == (
        f"{folder}/media-video.agent: expected to listen there, found: File exists: set "
        "FLEET_RUNTIME_DIR to a folder of this user's"
    )
    with pytest.raises(OpsError) as told:
        holding.hold([Worker(folder / "media-video-7.sock", "media-video", 7)])
    assert str(told.value) == (
        f"{folder}: expected to write the hold of media-video, found: Not a directory: see that "
        "this user may write there, and that the disk has room"
    )
