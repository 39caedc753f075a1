"""What a task's containers ask about themselves: metadata version 4, and their credentials. Pure.

"Amazon ECS task metadata endpoint version 4 for tasks on Fargate" and "Task IAM role" in the
Amazon ECS Developer Guide.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from ops.local.identity import key_until
from ops.local.machine.metadata import Request, Response

if TYPE_CHECKING:
    from ops.local.ecs.host.facts import Container, Facts
    from ops.local.ecs.host.seen import Seen

CREDENTIALS: Final = "/v2/credentials"
METADATA: Final = "/v4"
_JSON: Final = {"Server": "ECS", "Content-Type": "application/json"}


def runtime_id(facts: Facts, container: str) -> str:
    """Return a container's id on Fargate: the task's and a number."""
    names = [each.name for each in facts.containers]
    return f"{facts.id}-{names.index(container) + 1:010}"


def respond(
    request: Request, facts: Facts, seen: dict[str, Seen], secret: str, now: float
) -> Response:
    """Answer one request; `secret` is what the task's processes know, `now` the time."""
    path = request.path.partition("?")[0]
    if request.method != "GET":
        return Response(405, headers={"Allow": "GET"})
    if path == CREDENTIALS and facts.role and request.headers.get("authorization") != secret:
        return Response(401)
    found = _found(path, facts, seen, now)
    return Response(404) if found is None else Response(200, json.dumps(found), _JSON)


def _found(path: str, facts: Facts, seen: dict[str, Seen], now: float) -> dict[str, Any] | None:
    if path == CREDENTIALS:
        return _credentials(facts, now) if facts.role else None
    for each in facts.containers:
        mine = f"{METADATA}/{runtime_id(facts, each.name)}"
        if path == mine:
            return _container(facts, each, seen[each.name])
        if path == f"{mine}/task":
            return _task(facts, seen)
    return None


def _credentials(facts: Facts, now: float) -> dict[str, Any]:
    """Return those of now: there are others every half of the time that they last."""
    half = facts.credentials_seconds / 2
    ends = (now // half + 2) * half
    return {
        "RoleArn": facts.role,
        "AccessKeyId": key_until(facts.key, ends),
        "SecretAccessKey": "local",
        "Token": f"local-{ends:.0f}",
        "Expiration": _time(ends),
    }


def _task(facts: Facts, seen: dict[str, Seen]) -> dict[str, Any]:
    runs = all(each.status == "RUNNING" for each in seen.values())
    return {
        "Cluster": facts.cluster,
        "TaskARN": facts.arn,
        "Family": facts.family,
        "Revision": facts.revision,
        "ServiceName": facts.service,
        "DesiredStatus": facts.desired_status,
        "KnownStatus": "RUNNING" if runs else "PENDING",
        "AvailabilityZone": facts.zone,
        "LaunchType": "FARGATE",
        "Containers": [_container(facts, each, seen[each.name]) for each in facts.containers],
    }


def _container(facts: Facts, of: Container, seen: Seen) -> dict[str, Any]:
    found: dict[str, Any] = {
        "DockerId": runtime_id(facts, of.name),
        "Name": of.name,
        "DockerName": of.name,
        "Image": of.image,
        "Labels": {
            "com.amazonaws.ecs.cluster": facts.cluster,
            "com.amazonaws.ecs.container-name": of.name,
            "com.amazonaws.ecs.task-arn": facts.arn,
            "com.amazonaws.ecs.task-definition-family": facts.family,
            "com.amazonaws.ecs.task-definition-version": facts.revision,
        },
        "DesiredStatus": facts.desired_status,
        "KnownStatus": seen.status,
        "Type": "NORMAL",
    }
    for name, at in (("StartedAt", seen.started_at), ("FinishedAt", seen.finished_at)):
        if at is not None:
            found[name] = _time(at)
    if seen.exit_code is not None:
        found["ExitCode"] = seen.exit_code
    return found


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
