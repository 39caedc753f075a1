"""Names that AWS keeps for itself, of what the stacks name. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from ops.stack import names
from worker.manifest.problems import Problem, quoted

if TYPE_CHECKING:
    from worker.fleet import Fleet

#: Systems Manager API Reference, CreateDocument, Name; upper case or lower case.
_DOCUMENT: Final = ("aws", "amazon", "amzn")
#: Systems Manager API Reference, PutParameter, Name; upper case or lower case. A path's / is none.
_PARAMETER: Final = ("aws", "ssm")
#: S3 User Guide, "General purpose bucket naming rules".
_BUCKET_BEGINS: Final = ("xn--", "sthree-", "amzn-s3-demo-")
_BUCKET_ENDS: Final = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")
#: Every account has a schedule group of this name (EventBridge Scheduler User Guide, "Managing a
#: schedule group").
_GROUP: Final = "default"


def of_fleet(fleet: Fleet) -> Iterator[Problem]:
    """Yield what a fleet's name would make of names that AWS does not give."""
    name = fleet.name.lower()
    if begins := _first(name, _DOCUMENT):
        yield Problem(
            "name",
            f"expected it not to begin with {begins}, got {quoted(fleet.name)}",
            f"rename the fleet (AWS keeps such names of SSM documents: {names.document(fleet)})",
        )
    elif fleet.aws.image is None and (begins := _first(name, _PARAMETER)):
        yield Problem(
            "name",
            f"expected it not to begin with {begins}, got {quoted(fleet.name)}",
            "rename the fleet, or name the nodes' image by aws.image (AWS keeps such names of SSM "
            f"parameters: {names.image_parameter(fleet)})",
        )
    if fleet.name == _GROUP:
        yield Problem(
            "name",
            f"expected another name than {_GROUP}",
            "rename the fleet (every account has a group of schedules of this name)",
        )


def of_bucket(place: str, bucket: str, remedy: str) -> Iterator[Problem]:
    """Yield why a bucket cannot be called so; `remedy` is what to do then."""
    if begins := _first(bucket, _BUCKET_BEGINS):
        yield Problem(place, f"expected it not to begin with {begins}, got {bucket}", remedy)
    if ends := next((each for each in _BUCKET_ENDS if bucket.endswith(each)), ""):
        yield Problem(place, f"expected it not to end in {ends}, got {bucket}", remedy)


def _first(name: str, prefixes: tuple[str, ...]) -> str:
    return next((each for each in prefixes if name.startswith(each)), "")
