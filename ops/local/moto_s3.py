"""A mend of moto's S3, for the process that serves it.

moto 5.2 leaves out the conditions of a bucket's policy, so that a bucket which refuses plain HTTP
(`aws:SecureTransport`) refuses everything. Over loopback there is no TLS to ask for.
"""

from __future__ import annotations

import json
from typing import Any

from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.s3.models import FakeBucket

_OVER_TLS = {"Bool": {"aws:SecureTransport": "false"}}


def mend() -> None:
    """Have moto take requests to this process as if they had come over TLS."""
    FakeBucket.get_permission = _permission


def _permission(bucket: Any, action: str, resource: str) -> Any:
    if bucket.policy is None:
        return PermissionResult.NEUTRAL
    policy = json.loads(bucket.policy)
    kept = [each for each in policy["Statement"] if each.get("Condition") != _OVER_TLS]
    if not kept:
        return PermissionResult.NEUTRAL
    document = json.dumps({**policy, "Statement": kept})
    return IAMPolicy(document).is_action_permitted(action, resource)
