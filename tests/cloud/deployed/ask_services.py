"""Clusters, task definitions and services, as ECS tells them."""

from __future__ import annotations

from typing import Any

from tests.cloud.deployed.asking import Facts, Question, Resource, last


def cluster(it: Resource) -> Facts | None:
    asked = {"clusters": [it.physical], "include": ["SETTINGS", "TAGS"]}
    found = it.call("ecs", "describe_clusters", **asked)["clusters"]
    if not found or found[0]["status"] == "INACTIVE":
        return None
    (told,) = found
    return {
        "status": told["status"],
        "capacity": sorted(told["capacityProviders"]),
        "watched": {each["name"]: each["value"] for each in told["settings"]},
    }


def task_definition(it: Resource) -> Facts | None:
    asked = {"taskDefinition": it.physical}
    answer = it.found("ClientException", "ecs", "describe_task_definition", **asked)
    # One that was deregistered is still told.
    if answer is None or answer["taskDefinition"]["status"] == "INACTIVE":
        return None
    told = answer["taskDefinition"]
    return {
        "size": (told["cpu"], told["memory"]),
        "needs": told["requiresCompatibilities"],
        "as": last(told["taskRoleArn"]),
        "started_as": last(told["executionRoleArn"]),
        "processor": told["runtimePlatform"]["cpuArchitecture"],
        "containers": {each["name"]: _container(each) for each in told["containerDefinitions"]},
    }


def _container(told: Any) -> Facts:
    return {
        "image": told["image"],
        "runs": " ".join(told["command"]),
        "essential": told["essential"],
        "read_only": told["readonlyRootFilesystem"],
        "stops_within_seconds": told["stopTimeout"],
        "logs": told["logConfiguration"]["options"]["awslogs-group"],
        "shares": [each["containerPath"] for each in told["mountPoints"]],
    }


def service(it: Resource) -> Facts | None:
    asked = {"cluster": it.names["Cluster"], "services": [it.physical]}
    answer = it.found("ClusterNotFoundException", "ecs", "describe_services", **asked)
    found = [each for each in (answer or {"services": []})["services"] if _lives(each)]
    if not found:
        return None
    (told,) = found
    deployment = told["deploymentConfiguration"]
    network = told["networkConfiguration"]["awsvpcConfiguration"]
    return {
        "runs": told["taskDefinition"],
        "capacity": [
            (each["capacityProvider"], each.get("base", 0), each["weight"])
            for each in told["capacityProviderStrategy"]
        ],
        "rolls_back": deployment["deploymentCircuitBreaker"],
        "between_percent": (deployment["minimumHealthyPercent"], deployment["maximumPercent"]),
        "moves": told["availabilityZoneRebalancing"],
        "public": network["assignPublicIp"],
        "security_groups": network["securityGroups"],
        "commands": told["enableExecuteCommand"],
        "tags_tasks": told["propagateTags"],
    }


def _lives(told: Any) -> bool:
    return bool(told["status"] == "ACTIVE")


QUESTIONS: dict[str, Question] = {
    "AWS::ECS::Cluster": cluster,
    "AWS::ECS::Service": service,
    "AWS::ECS::TaskDefinition": task_definition,
}
