"""The control socket's protocol: what a line may say, and what is answered to all else."""

from __future__ import annotations

import json
import math
import os
import socket
import stat
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from worker.control import (
    PATH_AT_MOST_BYTES,
    BadRequest,
    Unreachable,
    ask,
    directory,
    parse,
    ready_directory,
    serve,
)
from worker.drain import Order, Verb

# -- requests ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_line", "order"),
    [
        ({"verb": "pause"}, Order(Verb.PAUSE, "control socket")),
        ({"verb": "resume", "reason": "done"}, Order(Verb.RESUME, "done")),
        ({"verb": "drain"}, Order(Verb.DRAIN, "control socket")),
        ({"verb": "drain", "within_seconds": 0}, Order(Verb.DRAIN, "control socket", 0)),
        (
            {"verb": "drain", "within_seconds": 110.5, "spot": True, "reason": "notice"},
            Order(Verb.DRAIN, "notice", 110.5, True),
        ),
        ({"verb": "drain", "reason": None, "later": 1}, Order(Verb.DRAIN, "control socket")),
    ],
)
def test_an_order_is_understood(request_line: dict[str, Any], order: Order) -> None:
    assert parse(json.dumps(request_line).encode()) == (request_line["verb"], order)


def test_status_is_no_order() -> None:
    assert parse(b'{"verb": "status"}\n') == ("status", None)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"", "expected one JSON object a line"),
        (b"drain", "expected one JSON object a line"),
        (b"\xff\xfe", "expected one JSON object a line"),
        (b"[]", "verb: expected status, pause, resume, drain; found None"),
        (b'{"verb": "stop"}', "verb: expected status, pause, resume, drain; found 'stop'"),
        (b'{"verb": ["drain"]}', "verb: expected status, pause, resume, drain"),
        (b'{"verb": "drain", "within_seconds": -1}', "within_seconds: expected 0 to 43200"),
        (b'{"verb": "drain", "within_seconds": 43201}', "within_seconds: expected 0 to 43200"),
        (b'{"verb": "drain", "within_seconds": true}', "within_seconds: expected 0 to 43200"),
        (b'{"verb": "drain", "within_seconds": "60"}', "within_seconds: expected 0 to 43200"),
        (b'{"verb": "drain", "within_seconds": NaN}', "within_seconds: expected 0 to 43200"),
        (b'{"verb": "drain", "spot": "yes"}', "spot: expected true or false, found 'yes'"),
    ],
)
def test_a_bad_request_is_told_what_was_expected(line: bytes, expected: str) -> None:
    with pytest.raises(BadRequest) as refused:
        parse(line)
    assert expected in str(refused.value)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=300),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
requests = st.fixed_dictionaries(
    {"verb": st.sampled_from(["status", "pause", "resume", "drain"]) | values},
    optional={"within_seconds": values, "spot": values, "reason": values},
)


@given(
    st.binary()
    | values.map(lambda v: json.dumps(v).encode())
    | requests.map(lambda r: json.dumps(r).encode())
)
@example(b"[" * 4000)
@example(b'{"verb": "drain", "within_seconds": ' + b"9" * 4000 + b"}")
def test_any_line_is_an_order_or_a_bad_request(line: bytes) -> None:
    try:
        verb, order = parse(line)
    except BadRequest:
        return
    assert (order is None) == (verb == "status")
    if order is not None:
        assert len(order.reason) <= 200
        within = order.within_seconds
        assert within is None or (math.isfinite(within) and 0 <= within <= 43_200)


# -- where the socket is ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        (
            {"FLEET_RUNTIME_DIR": "/a", "RUNTIME_DIRECTORY": "/b", "XDG_RUNTIME_DIR": "/c"},
            "/a",
        ),
        ({"RUNTIME_DIRECTORY": "/b:/other", "XDG_RUNTIME_DIR": "/c"}, "/b"),
        ({"XDG_RUNTIME_DIR": "/c"}, "/c/celery-sqs-fleet"),
    ],
)
def test_the_folder_of_the_sockets(env: Mapping[str, str], expected: str) -> None:
    assert directory(env) == Path(expected)


def test_a_shared_folder_carries_the_users_id() -> None:
    assert directory({}).name == f"celery-sqs-fleet-{os.getuid()}"


def test_the_folder_is_made_for_its_user_alone(tmp_path: Path) -> None:
    folder = ready_directory(tmp_path / "a" / "b")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert ready_directory(folder) == folder


def test_what_is_no_folder_of_this_users_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path, target_is_directory=True)
    with pytest.raises(PermissionError, match="set FLEET_RUNTIME_DIR to another"):
        ready_directory(tmp_path / "link")


# -- over a real socket ---------------------------------------------------------------------------


def test_a_worker_answers_over_its_socket(tmp_path: Path) -> None:
    path = tmp_path / "w.sock"
    orders: list[Order] = []
    serve(path, orders.append, lambda: {"phase": "running"})
    assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
    assert ask(path, {"verb": "status"}) == {"ok": True, "phase": "running"}
    assert ask(path, {"verb": "drain", "within_seconds": 5}) == {"ok": True, "accepted": "drain"}
    assert orders == [Order(Verb.DRAIN, "control socket", 5)]
    answer = ask(path, {"verb": "stop"})
    assert not answer["ok"]
    assert "verb: expected status" in answer["error"]
    # A caller that hangs up, and one that sends too much, leave it answering.
    for data in (b"", b"x" * 100_000):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            try:
                client.sendall(data)
            except OSError:
                continue
    assert ask(path, {"verb": "status"})["ok"]


def test_a_new_worker_takes_over_a_socket_left_behind(tmp_path: Path) -> None:
    path = tmp_path / "w.sock"
    path.touch()
    serve(path, lambda _: None, dict)
    assert ask(path, {"verb": "status"}) == {"ok": True}


def test_a_socket_that_has_its_name_answers(tmp_path: Path) -> None:
    """One that does not is taken for a dead worker's, and removed."""
    path, done = tmp_path / "w.sock", threading.Event()
    refused: list[str] = []

    def look() -> None:
        while not done.is_set():
            with socket.socket(socket.AF_UNIX) as client:
                try:
                    client.connect(str(path))
                except ConnectionRefusedError as error:
                    refused.append(str(error))
                except FileNotFoundError:
                    pass

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for _ in range(300):
            serve(path, lambda _: None, dict)
    finally:
        done.set()
        looking.join()
    assert refused == []
    assert [one.name for one in tmp_path.iterdir()] == ["w.sock"]


def test_nobody_there_is_said_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "none.sock"
    with pytest.raises(Unreachable) as found:
        ask(path, {"verb": "status"})
    assert str(found.value) == (
        f"{path}: expected a worker, found none that answers: No such file or directory"
    )


@pytest.mark.parametrize(
    ("reads", "why"), [(False, "Connection reset by peer"), (True, "no whole answer came")]
)
def test_a_worker_in_its_last_moment_is_said_in_words(
    tmp_path: Path, reads: bool, why: str
) -> None:
    path = tmp_path / "w.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()

        def end() -> None:
            asker, _ = server.accept()
            with asker:
                # What is left unread when it hangs up is lost, which the asker is told.
                asker.recv(4096, 0 if reads else socket.MSG_PEEK)

        ending = threading.Thread(target=end)
        ending.start()
        with pytest.raises(Unreachable) as found:
            ask(path, {"verb": "status"})
        ending.join()
    assert str(found.value) == f"{path}: expected a worker, found none that answers: {why}"


def test_a_folder_too_deep_for_a_socket_serves_all_the_same(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * PATH_AT_MOST_BYTES) / ("y" * PATH_AT_MOST_BYTES)
    folder.mkdir(parents=True)
    path = folder / "fleet-queue-1.sock"
    serve(path, lambda _: None, lambda: {"busy": 0})
    assert ask(path, {"verb": "status"}) == {"ok": True, "busy": 0}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
