"""Situations as they come, one file each, and what the engine does about them and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.scaling.decide import decide
from ops.scaling.tick import in_words
from tests.unit.scaling_situations import FOLDER, situation

FILES = sorted(FOLDER.glob("*.toml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem.replace("-", " "))
def test_situation(path: Path) -> None:
    found = situation(path)
    decision = decide(found.snapshot, found.settings, found.memory, "t1")
    assert [in_words(action) for action in decision.actions] == found.do
    for words in found.why:
        assert words in decision.why


def test_there_are_many() -> None:
    assert len(FILES) >= 40


@pytest.mark.parametrize(
    "wrong",
    [
        '[nodes]\ni-1 = "upp"',
        '[nodes]\ni-1 = "booting for 3 s, 1 of 4 busy"',
        "[queue]\nvisibel = 3",
        "[settings]\nmimimum = 3",
    ],
)
def test_what_is_misspelt_is_no_situation(wrong: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(f'{wrong}\n[expected]\ndo = []\nwhy = ""\n')
    with pytest.raises(ValueError, match=r"notation|has not spoken"):
        situation(path)
