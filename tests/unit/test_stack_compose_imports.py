"""What an import is made of: of a stack's resources those alone, and of them what it needs."""

from __future__ import annotations

from typing import Any

import pytest

from ops.stack.compose import StackPlan, queue, shared
from ops.stack.importable import POLICY, Importable
from tests.unit.stack_fleets import ACCOUNT, plain, rich


def test_what_can_be_imported() -> None:
    fleet = rich()
    plan = queue(fleet, "video", ACCOUNT)
    assert plan.imports == {
        "DeadLetters": Importable("AWS::SQS::Queue", "QueueUrl", "media-video-dlq"),
        "Messages": Importable("AWS::SQS::Queue", "QueueUrl", "media-video"),
    }
    first = shared(fleet, ACCOUNT)
    assert first.imports["Payloads"] == Importable(
        "AWS::S3::Bucket", "BucketName", "media-payloads"
    )
    assert first.imports["PayloadsPolicy"] == Importable(POLICY, "Bucket", "media-payloads")
    assert first.imports["Payloads"].parts == {"fleet-payloads", "fleet-results"}
    assert first.imports["PayloadsPolicy"].parts == {"FleetTlsOnly"}


def said(plan: StackPlan, *names: str) -> dict[str, Any]:
    return {name: plan.imports[name].properties for name in names}


def test_an_import_is_of_nothing_else() -> None:
    plan = queue(rich(), "video", ACCOUNT)
    one = plan.only(said(plan, "Messages"))
    assert list(one.template["Resources"]) == ["Messages"]
    assert "Outputs" not in one.template
    assert refers_to(one) == set()
    first = shared(rich(), ACCOUNT)
    others = first.only(said(first, "OnceTable", "DelayQueue", "Payloads", "PayloadsPolicy"))
    resources = others.template["Resources"]
    found = {name: set(each["Properties"]) for name, each in resources.items()}
    # What is left out is set by the update that follows.
    assert found["DelayQueue"] == {"QueueName"}
    assert found["Payloads"] == {"BucketName"}
    assert found["PayloadsPolicy"] == {"Bucket", "PolicyDocument"}
    assert found["OnceTable"] == {"TableName", "AttributeDefinitions", "KeySchema"}
    for logical, each in resources.items():
        # What CloudFormation asks of a resource that is to be imported.
        assert each["DeletionPolicy"], logical
    with pytest.raises(KeyError):
        plan.only({"Group": {}})


def test_an_import_into_a_stack_leaves_its_template_as_it_is() -> None:
    # As it was before the manifest had a bucket: what the bucket has is on a condition that fails.
    before = shared(plain(), ACCOUNT)
    after = shared(plain('payload_bucket = "big"'), ACCOUNT)
    assert "Payloads" not in before.imports
    beside = after.beside(before.template, said(after, "Payloads"))
    assert beside.template["Resources"]["Payloads"] == {
        "Type": "AWS::S3::Bucket",
        "DeletionPolicy": "RetainExceptOnCreate",
        "UpdateReplacePolicy": "Retain",
        "Properties": {"BucketName": "big"},
    }
    for part in ("Outputs", "Conditions", "Parameters"):
        assert beside.template[part] == before.template[part]
    others = {**beside.template["Resources"], "Payloads": None}
    assert others == {**before.template["Resources"], "Payloads": None}
    assert refers_to(beside.only(said(after, "Payloads"))) == set()


def refers_to(plan: StackPlan) -> set[str]:
    found: set[str] = set()

    def look(node: Any) -> None:
        if isinstance(node, dict):
            if set(node) == {"Ref"} and not node["Ref"].startswith("AWS::"):
                found.add(node["Ref"])
            assert "Fn::GetAtt" not in node
            assert "DependsOn" not in node
            for each in node.values():
                look(each)
        elif isinstance(node, list):
            for each in node:
                look(each)

    look(plan.template["Resources"])
    return found
