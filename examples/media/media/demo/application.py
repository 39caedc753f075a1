"""The demo's application, of which a release is made: a manifest, and the example's code."""

import shutil
from pathlib import Path
from typing import Any

import tomlkit

EXAMPLE = Path(__file__).resolve().parents[2]
REPOSITORY = EXAMPLE.parents[1]
FLEET = "media-demo"
LEASE_SECONDS = 10
_TWO_NODES = ("video", "statements")
# Nobody boots it, a machine here is made of the running interpreter; it is of the architecture of
# the nodes' types.
_IMAGE = "ami-0e9271c829888680e"


def write_application(folder: Path) -> Path:
    """Write the application into `folder`, which is new, and return its manifest's path.

    The manifest is the example's with times that a person does not mind waiting for, and with as
    few nodes as a small machine can carry. Raises OSError.
    """
    shutil.copytree(
        EXAMPLE / "media", folder / "media", ignore=shutil.ignore_patterns("__pycache__")
    )
    document: Any = tomlkit.parse((EXAMPLE / "fleet.toml").read_text(encoding="utf-8"))
    document["name"] = FLEET
    document["imports"].append("media.demo.recording")
    document["defaults"] |= {
        "lease": f"{LEASE_SECONDS}s",
        "poll": "2s",
        # A busy machine takes long to boot a node, which its group gives up after a heartbeat.
        "nodes": {"max": 1, "boot": "10s", "heartbeat": "3m"},
        # A slot for every message: the example's promises are longer than the whole demo.
        "scaling": {"policies": ["depth"], "predict": "off", "headroom": "off"},
    }
    for queue in _TWO_NODES:
        document["queues"][queue]["nodes"] = {"max": 2}
    document["aws"] = {"image": _IMAGE}
    manifest = folder / "fleet.toml"
    manifest.write_text(tomlkit.dumps(document), encoding="utf-8")
    return manifest
