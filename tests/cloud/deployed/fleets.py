"""Fleets of which, together, every resource and every condition of the templates is there."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from ops.stack.compose import Account, StackPlan, plans
from ops.stack.resolve import resolved
from tests.cloud.deployed.asking import Clients, Resource
from tests.cloud.local_stacks import Stacks
from tests.cloud.stack_shop import IMAGE
from tests.unit.stack_fleets import ACCOUNT, RICH
from worker.fleet import Fleet, loads

#: Results in a table, and nodes with security groups of their own.
PLAIN = """
name = "plain"
region = "eu-west-1"
results = { backend = "dynamodb" }

[queues.notes]
tasks = ["notes.*"]

[queues.letters]
tasks = ["letters.*"]
runtime = "ecs"
slo.start_within = "10m"

[queues.letters.nodes]
image = "registry.example.com/team/letters:7"
policies = ["arn:aws:iam::123456789012:policy/fonts"]
"""
#: One bucket for arguments and results.
BESIDE = """
name = "beside"
region = "eu-west-1"
payload_bucket = "beside-objects"
results = { backend = "s3", bucket = "beside-objects", expires = "2d" }

[queues.alone]
tasks = ["alone.*"]
"""
#: What the manifest names, and an account has: it is there before.
_POLICIES = ("boundary", "clips", "fonts")
_NOTHING = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}],
    }
)


@dataclass(frozen=True)
class Deployed:
    """A fleet whose stacks, all or some, are on the local AWS."""

    clients: Clients
    fleet: Fleet
    account: Account
    plans: tuple[StackPlan, ...]
    given: tuple[str, ...]
    """The security groups that the first manifest names."""

    @property
    def stacks(self) -> Stacks:
        return Stacks(self.clients.url, region=self.clients.region)

    @cached_property
    def resources(self) -> tuple[Resource, ...]:
        """Every resource that the plans want, under the id that its stack has for it."""
        return tuple(self._resources())

    def _resources(self) -> Iterable[Resource]:
        common: Mapping[str, str] = {}
        for plan in self.plans:
            physical = self.stacks.physical(plan.name)
            common = common or physical
            for name, wanted in resolved(plan, self.account).items():
                yield Resource(
                    clients=self.clients,
                    stack=plan.name,
                    logical=name,
                    kind=wanted["Type"],
                    physical=physical[name],
                    properties=wanted["Properties"],
                    names={**common, **physical},
                    kept=wanted.get("DeletionPolicy") in {"Retain", "RetainExceptOnCreate"},
                )

    def end(self) -> None:
        """Delete the stacks, the shared one last."""
        for plan in reversed(self.plans):
            status = self.stacks.delete(plan.name)
            assert status == "DELETE_COMPLETE", self.stacks.reasons(plan.name)


def deploy(url: str) -> tuple[Deployed, ...]:
    """Make the fleets' stacks, in an account that has what their manifests name."""
    clients = Clients(url, ACCOUNT.region)
    ec2, iam = clients.client("ec2"), clients.client("iam")
    subnets = ec2.describe_subnets()["Subnets"]
    for name in _POLICIES:
        iam.create_policy(PolicyName=name, PolicyDocument=_NOTHING)
    text, given = RICH.replace("ami-0a1b2c3d", IMAGE), []
    for name in ("sg-0a1b2c3d", "sg-0a1b2c3e"):
        made = {"GroupName": name[3:], "Description": "given", "VpcId": subnets[0]["VpcId"]}
        given.append(ec2.create_security_group(**made)["GroupId"])
        text = text.replace(name, given[-1])
    parameter = {"Name": "/plain/image", "Value": IMAGE, "Type": "String"}
    clients.client("ssm").put_parameter(**parameter)
    account = replace(
        ACCOUNT,
        code="",
        vpc=subnets[0]["VpcId"],
        subnets=tuple(each["SubnetId"] for each in subnets),
    )
    begun = []
    for manifest, code in ((text, ACCOUNT.code), (PLAIN, ""), (BESIDE, "")):
        fleet = loads(manifest, Path("fleet.toml"))
        wanted = plans(fleet, replace(account, code=code))
        # Of one that differs in nothing but its buckets, the shared stack alone.
        kept = wanted[:1] if manifest is BESIDE else wanted
        found = Deployed(clients, fleet, replace(account, code=code), kept, tuple(given))
        _begin(found, plans(fleet, account)[0])
        begun.append(found)
    for found in begun:
        _finish(found)
    return tuple(begun)


def _begin(found: Deployed, bare: StackPlan) -> None:
    """Begin the shared stack as `ops stack apply` does: the bucket of the code comes with it."""
    proposed = propose(found.stacks, bare, "CREATE")
    assert proposed["Status"] == "CREATE_COMPLETE", proposed.get("StatusReason")
    found.stacks.api.execute_change_set(ChangeSetName=proposed["ChangeSetId"])


def _finish(found: Deployed) -> None:
    stacks, (first, *others) = found.stacks, found.plans
    assert stacks.settled(first.name) == "CREATE_COMPLETE", stacks.reasons(first.name)
    kinds = [(each, "CREATE") for each in others]
    if first.parameters["Code"]:
        bucket, key = (first.parameters[name] for name in ("ArtifactBucket", "Code"))
        found.clients.client("s3").put_object(Bucket=bucket, Key=key, Body=_zip())
        kinds.insert(0, (first, "UPDATE"))
    for plan, kind in kinds:
        status = stacks.execute(propose(stacks, plan, kind))
        assert status == f"{kind}_COMPLETE", stacks.reasons(plan.name)


def propose(stacks: Stacks, plan: StackPlan, kind: str) -> dict[str, Any]:
    """Make a change set of a plan and return it as described."""
    tags = [{"Key": key, "Value": value} for key, value in plan.tags.items()]
    return stacks.propose(plan.name, plan.body(), kind, plan.parameters, Tags=tags)


def _zip() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("fleet.json", json.dumps({}))
    return packed.getvalue()
