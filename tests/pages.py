"""Requests as a browser sends them for a page: every header is chosen, and the Host too."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from urllib.parse import urlsplit


def sent(
    url: str, method: str, path: str, headers: Mapping[str, str], body: str = ""
) -> tuple[int, str, dict[str, str]]:
    """Send a request with these headers; return the answer's status, text and headers."""
    place = urlsplit(url).netloc
    connection = http.client.HTTPConnection(place, timeout=30)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in {"Host": place, **headers}.items():
            connection.putheader(name, value)
        if body:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body.encode())
        answer = connection.getresponse()
        names = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, answer.read().decode(), names
    finally:
        connection.close()
