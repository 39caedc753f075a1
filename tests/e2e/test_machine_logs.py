"""Logs of a machine: they do not grow for ever, and `ops local logs` reads what was before."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from ops.local import tail
from ops.local.machine.logs import MOST_BYTES, before
from ops.local.machines import ENDED
from tests.e2e.fleet import wait_for
from tests.e2e.machines import ADDRESSES, Node, machine

#: Writes until it is told to end, numbered lines of a hundred bytes.
TALKS = """
number = 0
while not os.path.exists(os.path.dirname(__file__) + "/enough"):
    for _ in range(500):
        print(f"{number:099}")
        number += 1
    sys.stdout.flush()
    note(str(number))
    time.sleep(0.02)
print("the end", flush=True)
note("ended")
wait()
"""


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    with machine(tmp_path / "i-1", next(ADDRESSES)) as found:
        yield found


def numbers(text: str) -> list[int]:
    return [int(line) for line in text.splitlines() if line.isdigit()]


def test_a_log_is_bounded_and_read_on_where_it_was_cut(node: Node) -> None:
    node.unit("talks", TALKS)
    node.start()
    log = node.root / "log/talks.service.log"
    followed: list[str] = []

    def follow() -> None:
        for path, piece in tail.follow(lambda: tail.logs(node.root, "talks"), node.root):
            assert path == log
            followed.append(piece)

    assert node.systemctl("start", "talks").returncode == 0
    wait_for(log.exists, "a log")
    following = threading.Thread(target=follow)
    following.start()
    try:
        wait_for(before(log).exists, "a full log")
        first = before(log).stat().st_ino
        wait_for(lambda: before(log).stat().st_ino != first, "another one")
        (node.root / "enough").touch()
        wait_for(lambda: node.notes("talks")[-1] == "ended", "its last word")
    finally:
        (node.root / ENDED).write_text(json.dumps({}))
        following.join(60)
    written = int(node.notes("talks")[-2])
    assert written * 100 > 2 * MOST_BYTES
    assert before(log).stat().st_mode & 0o777 == 0o600

    kept = "".join(piece for path, piece in tail.read(tail.logs(node.root, "talks")))
    assert kept.endswith("the end\n")
    assert numbers(kept)[-1] == written - 1
    assert len(kept) > MOST_BYTES
    for text in (kept, "".join(followed)):
        assert all(one < two for one, two in pairwise(numbers(text)))
    # Who follows has all of it, but for what was written in the moment of a cut.
    assert "".join(followed).endswith("the end\n")
    assert numbers("".join(followed))[0] == 0
    assert len(numbers("".join(followed))) > 0.99 * written


def test_of_far_too_much_the_end_is_kept(node: Node) -> None:
    log = node.root / "log/talks.service.log"
    log.parent.mkdir()
    log.write_text("".join(f"{number:099}\n" for number in range(200_000)))
    node.start()
    assert log.stat().st_size == 0
    assert MOST_BYTES < before(log).stat().st_size <= 2 * MOST_BYTES
    found = numbers(before(log).read_text())
    assert found == list(range(found[0], 200_000))
