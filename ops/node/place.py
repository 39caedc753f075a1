"""Which node this machine is: its id and its group, by whoever can say."""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from ops.node.metadata import Metadata, NoMetadata
from ops.node.sight import Kind, Place

NODE_VARIABLE: Final = "FLEET_NODE_ID"
TASK_VARIABLE: Final = "ECS_CONTAINER_METADATA_URI_V4"
#: Readable through the metadata service where the launch template lets tags be (EC2 User Guide,
#: "View tags for your EC2 instances using instance metadata").
GROUP_TAG: Final = "aws:autoscaling:groupName"

_UNTAGGED: Final = (
    f"not known: expected the tag {GROUP_TAG} in the metadata, found none: launch it from a group, "
    "with InstanceMetadataTags enabled in its launch template"
)
_TASK_ANSWER_SECONDS: Final = 2.0
_TASK_AT_MOST_BYTES: Final = 1 << 20


class Unplaced(Exception):
    """It cannot be said now which node this is; the text says why."""


def place(given: str | None, metadata: Metadata, env: Mapping[str, str] = os.environ) -> Place:
    """Return which node this is: as it was told, as a task of ECS, or as an instance of EC2.

    An instance whose tags name no group has a place with a `trouble`. Raises Unplaced.
    """
    told = given or env.get(NODE_VARIABLE)
    if told:
        return Place(told, Kind.GIVEN)
    if task := env.get(TASK_VARIABLE):
        return _task(task)
    try:
        instance = metadata.get("instance-id")
        tag = metadata.get(f"tags/instance/{GROUP_TAG}")
    except NoMetadata as error:
        raise Unplaced(str(error)) from None
    if instance is None:
        raise Unplaced(f"{metadata.url}: expected an instance-id, found none")
    if tag is None:
        return Place(instance, Kind.INSTANCE, trouble=_UNTAGGED)
    return Place(instance, Kind.INSTANCE, tag)


def _task(url: str) -> Place:
    """Read the task metadata endpoint (ECS Developer Guide, "task metadata endpoint version 4")."""
    parts = urlsplit(f"{url}/task")
    connection = http.client.HTTPConnection(
        parts.hostname or "", parts.port, timeout=_TASK_ANSWER_SECONDS
    )
    try:
        connection.request("GET", parts.path)
        answer = connection.getresponse()
        body = answer.read(_TASK_AT_MOST_BYTES)
        if answer.status != 200:
            raise Unplaced(f"{url}/task: expected 200, got {answer.status}")
        said = json.loads(body)
        arn = str(said["TaskARN"])
        return Place(arn.rpartition("/")[2], Kind.TASK, str(said.get("ServiceName") or ""))
    except (OSError, http.client.HTTPException) as error:
        raise Unplaced(f"{url}/task: expected an answer, got none: {error}") from None
    except (KeyError, TypeError, ValueError) as error:
        raise Unplaced(f"{url}/task: expected a task's metadata, got: {error!r}") from None
    finally:
        connection.close()
