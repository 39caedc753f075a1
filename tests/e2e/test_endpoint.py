"""The endpoint's manners: what it answers, and that nobody who asks can hold it up."""

from __future__ import annotations

import http.client
import json
import os
import socket
from collections.abc import Callable

import pytest

from tests.e2e.fleet import wait_for
from tests.e2e.watching import open_sockets
from worker.address import Address, listen
from worker.endpoint import (
    CONNECTIONS_AT_MOST,
    REQUEST_AT_MOST_BYTES,
    Answer,
    Endpoint,
    as_json,
)

LARGE = b"x" * 5_000_000


def _defect() -> Answer:
    raise RuntimeError("on purpose")


@pytest.fixture(scope="module")
def endpoint() -> Endpoint:
    pages: dict[str, Callable[[], Answer]] = {
        "/page": lambda: as_json(200, {"said": "yes"}),
        "/ill": lambda: as_json(503, {"said": "no"}),
        "/large": lambda: Answer(200, "text/plain", LARGE),
        "/defect": _defect,
    }
    served = Endpoint(listen(Address("127.0.0.1", 0)), pages)
    served.start()
    return served


def _ask(endpoint: Endpoint, method: str, path: str) -> tuple[int, bytes]:
    asker = http.client.HTTPConnection(endpoint.address, timeout=20)
    try:
        asker.request(method, path)
        answer = asker.getresponse()
        return answer.status, answer.read()
    finally:
        asker.close()


def _knock(endpoint: Endpoint) -> socket.socket:
    host, _, port = endpoint.address.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=20)


def _raw(endpoint: Endpoint, request: bytes) -> bytes:
    with _knock(endpoint) as asker:
        asker.sendall(request)
        answer = b""
        while read := asker.recv(65536):
            answer += read
        return answer


def test_pages(endpoint: Endpoint) -> None:
    status, body = _ask(endpoint, "GET", "/page?whatever=1")
    assert (status, json.loads(body)) == (200, {"said": "yes"})
    assert _ask(endpoint, "GET", "/ill")[0] == 503
    assert _ask(endpoint, "HEAD", "/page") == (200, b"")
    assert _ask(endpoint, "GET", "/large") == (200, LARGE)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/page/", 404),
        ("GET", "/../page", 404),
        ("POST", "/page", 405),
        ("DELETE", "/page", 405),
        ("POST", "/elsewhere", 404),
        ("GET", "/defect", 500),
    ],
)
def test_all_else_is_refused(endpoint: Endpoint, method: str, path: str, status: int) -> None:
    assert _ask(endpoint, method, path)[0] == status


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"\r\n\r\n", b"400"),
        (b"GET /page\r\n\r\n", b"400"),
        (b"\x00\xff\xfe\r\n\r\n", b"400"),
        (b"GET /page SPDY/3\r\n\r\n", b"400"),
        (b"GET /\xff\xfe HTTP/1.1\r\n\r\n", b"404"),
        (b"GET /page HTTP/1.1\r\nX: " + b"x" * REQUEST_AT_MOST_BYTES, b"431"),
    ],
)
def test_what_is_no_request(endpoint: Endpoint, request_bytes: bytes, status: bytes) -> None:
    assert _raw(endpoint, request_bytes).split(b" ")[1] == status


def test_a_request_in_pieces(endpoint: Endpoint) -> None:
    with _knock(endpoint) as asker:
        for piece in (b"GET /pa", b"ge HT", b"TP/1.1\r\n\r", b"\n"):
            asker.sendall(piece)
        assert asker.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")


def test_who_hangs_holds_nobody_up_and_is_dropped(endpoint: Endpoint) -> None:
    """More hang than there is room for: some say nothing, some do not take their answer."""
    hanging = []
    for number in range(2 * CONNECTIONS_AT_MOST):
        asker = _knock(endpoint)
        asker.sendall(b"GET /page HTTP/1.1\r\n" if number % 2 else b"GET /large HTTP/1.1\r\n\r\n")
        hanging.append(asker)
        assert _ask(endpoint, "GET", "/page")[0] == 200
    silent = hanging[-1]
    # By now the last of them, and not only those for whom there was no room.
    assert silent.recv(1) == b""
    for asker in hanging:
        asker.close()


def test_a_child_keeps_neither_the_port_nor_a_connection(endpoint: Endpoint) -> None:
    """A child is forked while a request is half asked, and outlives the answer."""
    asker = _knock(endpoint)
    asker.sendall(b"GET /page HTTP/1.1\r\n")
    wait_for(lambda: endpoint._open, "the connection")
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(write)
        os.read(read, 1)
        os._exit(0)
    os.close(read)
    try:
        sockets = {os.fstat(fd).st_ino for fd in (endpoint._listener.fileno(), *endpoint._open)}
        wait_for(lambda: not sockets & open_sockets(child), "a child without them")
        asker.sendall(b"\r\n")
        answer = b""
        while piece := asker.recv(65536):
            answer += piece
        assert answer.endswith(b'{"said": "yes"}\n')
    finally:
        os.close(write)
        os.waitpid(child, 0)
        asker.close()


def test_a_port_that_is_taken(endpoint: Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    port = int(endpoint.address.rpartition(":")[2])
    with listen(Address("127.0.0.1", port)) as other:
        assert other.getsockname()[1] not in (0, port)
    (record,) = caplog.records
    assert f"127.0.0.1:{port} is taken" in record.getMessage()


def test_a_host_that_is_not_here() -> None:
    with pytest.raises(OSError, match=r"."):
        listen(Address("192.0.2.1", 9464))  # RFC 5737: nobody's


def test_ipv6() -> None:
    try:
        listener = listen(Address("::1", 0))
    except OSError:
        pytest.skip("no IPv6 here")
    served = Endpoint(listener, {"/page": lambda: as_json(200, {})})
    served.start()
    assert served.address.startswith("[::1]:")
    assert _ask(served, "GET", "/page")[0] == 200
