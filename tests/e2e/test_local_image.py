"""The image of a local fleet: there, by the manifest's id, for the manifest's instance types."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.e2e.desk import MANIFEST, opened

# Commands, each a process that imports boto3.
pytestmark = pytest.mark.timeout(300)

OPS = ("run", "--", sys.executable, "-m", "ops", "stack", "plan")
OWN = '[aws]\nimage = "ami-0c0ffee0"\n'
X86 = 'nodes.types = ["c7i.large"]\n'


@pytest.mark.parametrize(
    ("own", "types", "architecture"), [("", "", "arm64"), (OWN, X86, "x86_64")]
)
def test_it_fits_the_manifest_that_the_fleet_was_started_with(
    tmp_path: Path, own: str, types: str, architecture: str
) -> None:
    with opened(tmp_path) as desk:
        manifest = tmp_path / "fleet.toml"
        manifest.write_text(MANIFEST + types + own)
        desk.ok("up")
        client = desk.fleet().client
        named = client("ssm").get_parameter(Name="/desk/image")["Parameter"]["Value"]
        assert not own or named == "ami-0c0ffee0"
        (image,) = client("ec2").describe_images(ImageIds=[named])["Images"]
        assert image["Architecture"] == architecture
        ran = desk.ops(*OPS)
        assert (ran.returncode, "is not known" in ran.stderr) == (3, False), ran.stderr
        # What another manifest asks for is another image, and a fleet that is started anew.
        manifest.write_text(MANIFEST + ("" if types else X86) + own)
        ran = desk.ops(*OPS)
        assert ran.returncode == 2
        assert "types of the image's architecture" in ran.stderr
        desk.ok("down")
        desk.ok("up")
        assert desk.ops(*OPS).returncode == 3
