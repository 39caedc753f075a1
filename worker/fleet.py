"""The manifest: one `fleet.toml` declares the fleet. `load()` finds, reads and checks it.

Every worker imports this module, so nothing heavy stands behind it: no boto3, no celery.
"""

from worker.manifest.aws import Aws
from worker.manifest.fleet import Fleet, UnknownQueueError
from worker.manifest.nodes import Nodes
from worker.manifest.problems import ManifestError, Problem
from worker.manifest.queue import Queue, Slo
from worker.manifest.reading import DEFAULT_MANIFEST, MANIFEST_VARIABLE, load, loads
from worker.manifest.scaling import Scaling, ScalingWindow
from worker.manifest.schedule import Schedule
from worker.manifest.services import Metrics, Results

__all__ = [
    "DEFAULT_MANIFEST",
    "MANIFEST_VARIABLE",
    "Aws",
    "Fleet",
    "ManifestError",
    "Metrics",
    "Nodes",
    "Problem",
    "Queue",
    "Results",
    "Scaling",
    "ScalingWindow",
    "Schedule",
    "Slo",
    "UnknownQueueError",
    "load",
    "loads",
]
