"""The unit that boots a node again, as systemd reads it."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.sandbox import assert_sound_and_sandboxed, needs_systemd


@needs_systemd
def test_the_boot_unit_is_sound_and_as_confined_as_root_can_be(tmp_path: Path) -> None:
    # It writes units and installs packages as root: what is left is what that takes.
    assert_sound_and_sandboxed(tmp_path, "fleet-boot.service", exposure_at_most=4.0)
