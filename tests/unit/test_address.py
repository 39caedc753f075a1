"""Where a worker's endpoint is to listen."""

from __future__ import annotations

import pytest

from worker.address import VARIABLE, Address, BadAddress, wanted
from worker.manifest.services import Metrics

MANIFEST = Metrics(host="10.0.0.5", port=9000)


def test_the_manifest_decides_unless_the_environment_does() -> None:
    assert wanted(Metrics(), {}) == Address("127.0.0.1", 9464)
    assert wanted(MANIFEST, {}) == Address("10.0.0.5", 9000)
    assert wanted(MANIFEST, {VARIABLE: "127.0.0.1:0"}) == Address("127.0.0.1", 0)
    assert wanted(MANIFEST, {VARIABLE: "[::1]:9464"}) == Address("::1", 9464)
    assert str(Address("::1", 9464)) == "[::1]:9464"


@pytest.mark.parametrize(
    "value",
    ["", ":", "9464", ":9464", "localhost", "localhost:", "localhost:x", "h:65536", "h:-1", "h:٣"],
)
def test_what_is_no_address_is_refused_in_one_line(value: str) -> None:
    with pytest.raises(BadAddress) as refused:
        wanted(MANIFEST, {VARIABLE: value})
    line = str(refused.value)
    assert line.startswith(f"{VARIABLE}: expected host:port, found {value!r}: ")
    assert "\n" not in line
