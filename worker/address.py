"""Where a worker's endpoint listens: by the manifest, or by its environment."""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Mapping
from typing import Final, NamedTuple

from worker.manifest.services import Metrics

logger = logging.getLogger(__name__)

VARIABLE: Final = "FLEET_METRICS"


class Address(NamedTuple):
    """A host and a port, 0 for any that is free."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class BadAddress(ValueError):
    """A value of ``FLEET_METRICS`` that is no address; the text is one line."""


def wanted(metrics: Metrics, env: Mapping[str, str]) -> Address:
    """Return the address that ``FLEET_METRICS`` gives, else the manifest's.

    Raises ``BadAddress``.
    """
    value = env.get(VARIABLE)
    if value is None:
        return Address(metrics.host, metrics.port)
    host, colon, port = value.rpartition(":")
    host = host[1:-1] if host[:1] + host[-1:] == "[]" else host
    number = int(port) if port.isascii() and port.isdigit() and len(port) <= 5 else -1
    if not (colon and host and 0 <= number <= 65535):
        raise BadAddress(
            f"{VARIABLE}: expected host:port, found {value[:100]!r}: set it to an address such as "
            "127.0.0.1:9464, with port 0 for any that is free, or leave it out"
        )
    return Address(host, number)


def listen(address: Address) -> socket.socket:
    """Return a listening socket there or, if the port is taken, on any that is free.

    Two workers of one machine have one manifest, so a port that is taken is no mistake.
    Raises ``OSError`` where there is no such host here, or no right to the port.
    """
    try:
        return _bound(address)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
    found = _bound(address._replace(port=0))
    port = found.getsockname()[1]
    logger.warning("metrics: %s is taken: on port %d instead", address, port)
    return found


def _bound(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    return socket.create_server(tuple(address), family=family, backlog=64)
