"""Who may what, and what runs by itself: roles, functions, rules, documents, deployments."""

from __future__ import annotations

import json

from tests.cloud.deployed.asking import Facts, Question, Resource, last, tags

_ABSENT = "ResourceNotFoundException"


def role(it: Resource) -> Facts | None:
    name = {"RoleName": it.physical}
    answer = it.found("NoSuchEntity", "iam", "get_role", **name)
    if answer is None:
        return None
    found = answer["Role"]
    (trust,) = found["AssumeRolePolicyDocument"]["Statement"]
    attached = it.call("iam", "list_attached_role_policies", **name)["AttachedPolicies"]
    own = it.call("iam", "list_role_policies", **name)["PolicyNames"]
    documents = {
        each: it.call("iam", "get_role_policy", PolicyName=each, **name)["PolicyDocument"]
        for each in own
    }
    return {
        "taken_by": trust["Principal"]["Service"],
        "taken_where": sorted(trust.get("Condition", {}).get("StringEquals", {})),
        "bound_by": found.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"),
        "attached": sorted(last(each["PolicyArn"]) for each in attached),
        "may": {
            name: " ".join(each["Sid"] for each in document["Statement"])
            for name, document in documents.items()
        },
        "unbound": [
            each["Sid"]
            for document in documents.values()
            for each in document["Statement"]
            if each["Resource"] == "*" and "Condition" not in each
        ],
    }


def instance_profile(it: Resource) -> Facts | None:
    name = {"InstanceProfileName": it.physical}
    answer = it.found("NoSuchEntity", "iam", "get_instance_profile", **name)
    if answer is None:
        return None
    return {"roles": [each["RoleName"] for each in answer["InstanceProfile"]["Roles"]]}


def function(it: Resource) -> Facts | None:
    answer = it.found(_ABSENT, "lambda", "get_function", FunctionName=it.physical)
    if answer is None:
        return None
    found = answer["Configuration"]
    return {
        "handler": found["Handler"],
        "runs_on": (found["Runtime"], found["Architectures"]),
        "as": last(found["Role"]),
        "bounds": (found["Timeout"], found["MemorySize"]),
        "knows": found.get("Environment", {}).get("Variables", {}),
        "has_code": found["CodeSize"] > 0,
    }


def permission(it: Resource) -> Facts | None:
    function = it.properties["FunctionName"]
    answer = it.found(_ABSENT, "lambda", "get_policy", FunctionName=function)
    policy = {} if answer is None else json.loads(answer["Policy"])
    found = [each for each in policy.get("Statement", []) if each["Sid"] == it.physical]
    if not found:
        return None
    (statement,) = found
    return {
        "who": statement["Principal"],
        "may": statement["Action"],
        "for": [last(each["AWS:SourceArn"]) for each in statement["Condition"].values()],
    }


def invocations(it: Resource) -> Facts | None:
    function = it.properties["FunctionName"]
    asked = {"FunctionName": function, "Qualifier": it.properties["Qualifier"]}
    answer = it.found(_ABSENT, "lambda", "get_function_event_invoke_config", **asked)
    if answer is None:
        return None
    return {
        "retries": answer["MaximumRetryAttempts"],
        "given_up_after_seconds": answer["MaximumEventAgeInSeconds"],
    }


def rule(it: Resource) -> Facts | None:
    answer = it.found(_ABSENT, "events", "describe_rule", Name=it.physical)
    if answer is None:
        return None
    targets = it.call("events", "list_targets_by_rule", Rule=it.physical)["Targets"]
    return {
        "every": answer["ScheduleExpression"],
        "state": answer["State"],
        "calls": [last(each["Arn"]) for each in targets],
    }


def schedule_group(it: Resource) -> Facts | None:
    answer = it.found(_ABSENT, "scheduler", "get_schedule_group", Name=it.physical)
    if answer is None:
        return None
    listed = it.call("scheduler", "list_tags_for_resource", ResourceArn=answer["Arn"])["Tags"]
    return {"state": answer["State"], "tags": tags(listed)}


def document(it: Resource) -> Facts | None:
    answer = it.found("InvalidDocument", "ssm", "describe_document", Name=it.physical)
    if answer is None:
        return None
    content = json.loads(it.call("ssm", "get_document", Name=it.physical)["Content"])
    (step,) = content["mainSteps"]
    return {
        "status": answer["Document"]["Status"],
        "for": answer["Document"]["TargetType"],
        "takes": content["parameters"]["Action"]["allowedValues"],
        "within": content["parameters"]["Within"]["allowedPattern"],
        "runs": step["action"],
    }


def application(it: Resource) -> Facts | None:
    absent = "ApplicationDoesNotExistException"
    answer = it.found(absent, "codedeploy", "get_application", applicationName=it.physical)
    if answer is None:
        return None
    return {"deploys_to": answer["application"]["computePlatform"], "name": it.physical}


def deployment_group(it: Resource) -> Facts | None:
    absent = "ApplicationDoesNotExistException DeploymentGroupDoesNotExistException"
    named = {"applicationName": it.names["DeployApplication"], "deploymentGroupName": it.physical}
    answer = it.found(absent, "codedeploy", "get_deployment_group", **named)
    if answer is None:
        return None
    found = answer["deploymentGroupInfo"]
    return {
        "as": last(found["serviceRoleArn"]),
        "at_once": found["deploymentConfigName"],
        "rolls_back": found["autoRollbackConfiguration"],
        "to": [
            [(each["Key"], each["Value"]) for each in group]
            for group in found["ec2TagSet"]["ec2TagSetList"]
        ],
        "groups": found.get("autoScalingGroups", []),
    }


QUESTIONS: dict[str, Question] = {
    "AWS::CodeDeploy::Application": application,
    "AWS::CodeDeploy::DeploymentGroup": deployment_group,
    "AWS::Events::Rule": rule,
    "AWS::IAM::InstanceProfile": instance_profile,
    "AWS::IAM::Role": role,
    "AWS::Lambda::EventInvokeConfig": invocations,
    "AWS::Lambda::Function": function,
    "AWS::Lambda::Permission": permission,
    "AWS::SSM::Document": document,
    "AWS::Scheduler::ScheduleGroup": schedule_group,
}
