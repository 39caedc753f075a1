"""The record of calls as requests of policies, and which grants of a role's it uses. Pure."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from ops.local.record import Call
from tests.policies import Grant, Request, Statement, granting, grants, keys_of

#: Actions without resources: only a statement on "*" allows them (Service Authorization Reference).
_NO_RESOURCE: Final = {
    "autoscaling:DescribeAutoScalingGroups",
    "cloudwatch:GetMetricData",
    "ecs:DescribeTaskDefinition",
}
_TAG: Final = "aws:ResourceTag/"


@dataclass(frozen=True, slots=True)
class Account:
    """What a request does not tell of what it is about: groups by instance, tags by ARN."""

    id: str
    region: str
    groups: Mapping[str, str]
    tags: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Role:
    """A role: its logical name in its template, and the statements of all its policies."""

    name: str
    statements: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Unused:
    """Grants of a role's that no test uses, for a written reason. `resource` is a glob."""

    role: str
    statement: str
    actions: tuple[str, ...]
    resource: str
    reason: str

    def covers(self, role: str, grant: Grant) -> bool:
        return (
            (role, grant.statement) == (self.role, self.statement)
            and grant.action in self.actions
            and fnmatchcase(grant.resource, self.resource)
        )


@dataclass(frozen=True, slots=True)
class Held:
    """The record held against the policies: lines to be shown, each one a fault if there is any."""

    denied: tuple[str, ...]
    """Calls that no statement allows."""
    blind: tuple[str, ...]
    """Conditions that held only because nobody knew what they ask for."""
    unused: tuple[str, ...]
    """Grants that no call used, and for which no reason is written."""
    needless: tuple[str, ...]
    """Written reasons for grants that are used, or that there are not."""


def requests(call: Call, account: Account) -> list[Request]:
    """Return what a call asks of its role's policies."""
    pairs = call.operations or [(call.action, each) for each in _resources(call, account)]
    return [Request(action, arn, _context(call, arn, account)) for action, arn in pairs]


def held(
    calls: Iterable[Call], roles: Mapping[str, Role], account: Account, reasons: Iterable[Unused]
) -> Held:
    """Hold the calls that roles made against their policies. `roles` are by their names in IAM."""
    used: dict[str, set[tuple[str, str, int]]] = defaultdict(set)
    denied, blind = set(), set()
    for call in calls:
        role = roles.get(call.role)
        if role is None:
            continue
        for request in requests(call, account):
            found = granting(role.statements, request)
            shown = f"{role.name}: {request.action} on {request.resource}"
            if not found:
                denied.add(f"{shown} with {dict(request.context)}")
            used[role.name] |= {_cell(grant) for grant in found}
            names = {grant.statement for grant in found}
            asked = {key for one in role.statements if one["Sid"] in names for key in keys_of(one)}
            # What is asked of a tag that is not there is told all the same: that it is not.
            unknown = {key for key in asked - set(request.context) if not key.startswith(_TAG)}
            blind |= {f"{shown}: {key}" for key in unknown}
    listed = list(reasons)
    left: dict[tuple[str, Grant], bool] = {
        (role.name, grant): _cell(grant) in used[role.name]
        for role in roles.values()
        for grant, _ in grants(role.statements)
    }
    return Held(
        tuple(sorted(denied)),
        tuple(sorted(blind)),
        tuple(
            f"{name}: {grant.statement}: {grant.action} on {grant.resource}"
            for (name, grant), is_used in sorted(left.items())
            if not is_used and not any(each.covers(name, grant) for each in listed)
        ),
        tuple(_needless(listed, left)),
    )


def _needless(reasons: Iterable[Unused], left: Mapping[tuple[str, Grant], bool]) -> Iterable[str]:
    for each in reasons:
        covered = {pair: used for pair, used in left.items() if each.covers(*pair)}
        absent = set(each.actions) - {grant.action for _, grant in covered}
        used = {grant.action for (_, grant), is_used in covered.items() if is_used}
        for action in sorted(absent | used):
            what = "is used" if action in used else "is not granted"
            yield f"{each.role}: {each.statement}: {action} on {each.resource} {what}"


def reasons(path: Path) -> list[Unused]:
    """Return the written list. Raises ValueError for an entry that lacks something."""
    found = []
    for entry in tomllib.loads(path.read_text())["unused"]:
        one = Unused(
            entry["role"],
            entry["statement"],
            tuple(entry["actions"]),
            entry.get("resource", "*"),
            entry["reason"],
        )
        if not one.actions or not one.reason.strip():
            raise ValueError(f"{path}: {entry}: expected actions and a reason")
        found.append(one)
    return found


def elsewhere(path: Path) -> set[tuple[str, str]]:
    """Return the statements of templates that are left out, by their roles. Raises ValueError."""
    entries = tomllib.loads(path.read_text())["elsewhere"]
    for entry in entries:
        if not entry["reason"].strip():
            raise ValueError(f"{path}: {entry}: expected a reason")
    return {(entry["role"], each) for entry in entries for each in entry["statements"]}


def named(role: str, node: Any) -> set[tuple[str, str]]:
    """Return the statements in a part of a template, on whatever condition, with their role."""
    if isinstance(node, list):
        return {each for one in node for each in named(role, one)}
    if not isinstance(node, dict):
        return set()
    own = {(role, str(node["Sid"]))} if "Sid" in node else set()
    return own | {each for one in node.values() for each in named(role, one)}


def _cell(grant: Grant) -> tuple[str, str, int]:
    return (grant.statement, grant.action, grant.place)


def _resources(call: Call, account: Account) -> Iterable[str]:
    if call.action in _NO_RESOURCE:
        return ["*"]
    prefix = f"arn:aws:{call.service}:{account.region}:{account.id}:"
    if call.service == "autoscaling" and not call.resources:
        # By its instance, which is in one group.
        group = account.groups.get(str(call.parameters.get("InstanceId")))
        return [f"{prefix}autoScalingGroup:*:autoScalingGroupName/{group}"]
    if call.service == "logs":
        # The resource of both is the stream, which has no name before it is there.
        stream = call.parameters["logStreamName"] if call.operation == "PutLogEvents" else ""
        return [f"{each}:log-stream:{stream}" for each in call.resources]
    return call.resources or ["*"]


def _context(call: Call, arn: str, account: Account) -> dict[str, str | list[str]]:
    found = dict(call.conditions)
    if arn != "*":
        found["aws:ResourceAccount"] = account.id
    return found | {f"{_TAG}{key}": value for key, value in account.tags.get(arn, {}).items()}
