"""The instance metadata service, version 2: what an instance is told of itself.

"Use instance metadata to manage your EC2 instance" in the Amazon EC2 User Guide. Pure, but for
the randomness of its tokens.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

if TYPE_CHECKING:
    from ops.local.machine.instance import Instance

TTL_HEADER: Final = "x-aws-ec2-metadata-token-ttl-seconds"
TOKEN_HEADER: Final = "x-aws-ec2-metadata-token"  # noqa: S105  # its name
_TTL_AT_MOST_SECONDS: Final = 21_600
_TOKENS_AT_MOST: Final = 1000


@dataclass(frozen=True, slots=True)
class Request:
    """A request to the service; the headers' names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Response:
    """An answer of the service."""

    status: int
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


class Tokens:
    """The tokens that were given out, and when they end."""

    def __init__(self) -> None:
        self._ends: dict[str, float] = {}

    def give(self, ttl_seconds: int, now: float) -> str:
        """Return a new one; `now` is in monotonic seconds."""
        ends = {token: end for token, end in self._ends.items() if end > now}
        while len(ends) >= _TOKENS_AT_MOST:
            del ends[next(iter(ends))]
        token = os.urandom(24).hex()
        self._ends = {**ends, token: now + ttl_seconds}
        return token

    def good(self, token: str, now: float) -> bool:
        """Whether it was given out and has not ended."""
        return self._ends.get(token, now) > now


def respond(request: Request, tokens: Tokens, now: float, of: Instance) -> Response:
    """Answer one request; `now` is in monotonic seconds."""
    path = unquote(request.path.partition("?")[0])
    if request.method == "PUT":
        return _token(path, request.headers, tokens, now)
    if request.method not in ("GET", "HEAD"):
        return Response(405, headers={"Allow": "GET, HEAD, PUT"})
    if not tokens.good(request.headers.get(TOKEN_HEADER, ""), now):
        return Response(401)
    found = _found(path, of)
    return Response(404) if found is None else Response(200, found)


def _token(path: str, headers: Mapping[str, str], tokens: Tokens, now: float) -> Response:
    if path != "/latest/api/token":
        return Response(405, headers={"Allow": "GET, HEAD"})
    if "x-forwarded-for" in headers:  # somebody else asks through this machine
        return Response(403)
    ttl = headers.get(TTL_HEADER, "")
    if not (ttl.isascii() and ttl.isdigit() and 1 <= int(ttl) <= _TTL_AT_MOST_SECONDS):
        return Response(400)
    return Response(200, tokens.give(int(ttl), now), {TTL_HEADER: ttl})


def _found(path: str, of: Instance) -> str | None:
    tree = _tree(of)
    if path in tree:
        return tree[path]
    folder = path if path.endswith("/") else f"{path}/"
    inside = {
        rest.partition("/")[0] + ("/" if "/" in rest else "")
        for entry in tree
        if entry.startswith(folder) and (rest := entry.removeprefix(folder))
    }
    return "\n".join(sorted(inside)) if inside else None


def _tree(of: Instance) -> dict[str, str]:
    """Return what there is, by its path; what is None there is none of."""
    meta = {
        "ami-id": of.image_id,
        "instance-id": of.instance_id,
        "instance-type": of.instance_type,
        "instance-life-cycle": of.life_cycle,
        "local-ipv4": of.private_ip,
        "placement/availability-zone": of.availability_zone,
        "placement/region": of.region,
        "autoscaling/target-lifecycle-state": of.target_lifecycle_state,
        "spot/instance-action": _json(of.spot_action),
        "spot/termination-time": (of.spot_action or {}).get("time"),
        "events/recommendations/rebalance": _json(of.rebalance),
        **{f"tags/instance/{key}": value for key, value in of.tags.items()},
    }
    if of.role is not None and of.credentials is not None:
        meta[f"iam/security-credentials/{of.role}"] = _json(
            {"Code": "Success", "Type": "AWS-HMAC", **of.credentials}
        )
    tree = {f"/latest/meta-data/{path}": text for path, text in meta.items() if text is not None}
    if of.user_data:
        tree["/latest/user-data"] = of.user_data
    tree["/latest/dynamic/instance-identity/document"] = json.dumps(
        {
            "availabilityZone": of.availability_zone,
            "imageId": of.image_id,
            "instanceId": of.instance_id,
            "instanceType": of.instance_type,
            "privateIp": of.private_ip,
            "region": of.region,
            "version": "2017-09-30",
        }
    )
    return tree


def _json(found: Mapping[str, str] | None) -> str | None:
    return None if found is None else json.dumps(found)
