"""The image of a local fleet's nodes, as moto is told of it.

A local machine is made of the running interpreter instead; but `ops stack` asks whether there is
such an image, and whether it fits the instance types.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ops.stack.checks import is_graviton
from ops.stack.names import image_parameter

if TYPE_CHECKING:
    from worker.fleet import Fleet

#: Of the shape of an image's, and nobody's.
_ID: Final = "ami-0a1b2c3d4e5f60718"


@dataclass(frozen=True, slots=True)
class Image:
    """An image, by the id it has and the architecture it is said to be of."""

    id: str = _ID
    architecture: str = "arm64"

    @classmethod
    def of(cls, fleet: Fleet) -> Image:
        """Return the one that a manifest names, else one of an id of ours, for its first types."""
        named = image_parameter(fleet)
        queues = (queue for queue in fleet.queues.values() if queue.runtime == "ec2")
        types = next((queue.nodes.types for queue in queues), ())
        return cls(
            id=_ID if named.startswith("/") else named,
            architecture="x86_64" if types and not is_graviton(types[0]) else "arm64",
        )

    def write(self, path: Path) -> dict[str, str]:
        """Write it as what moto reads its images from, and return the variable that says where."""
        known = {
            "ami_id": self.id,
            "architecture": self.architecture,
            "hypervisor": "xen",
            "name": "fleet",
            "root_device_name": "/dev/xvda",
            "root_device_type": "ebs",
            "virtualization_type": "hvm",
        }
        path.write_text(json.dumps([known]))
        return {"MOTO_AMIS_PATH": str(path)}
