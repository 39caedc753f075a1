"""What nodes are made of: groups and what belongs to them, templates, services of ECS."""

from __future__ import annotations

import base64
from typing import Any

from tests.cloud.deployed.asking import Facts, Question, Resource, last


def group(it: Resource) -> Facts | None:
    named = {"AutoScalingGroupNames": [it.physical]}
    found = it.call("autoscaling", "describe_auto_scaling_groups", **named)["AutoScalingGroups"]
    if not found:
        return None
    (told,) = found
    hooks = it.call("autoscaling", "describe_lifecycle_hooks", AutoScalingGroupName=it.physical)
    launches = told["MixedInstancesPolicy"]["LaunchTemplate"]
    specification = launches["LaunchTemplateSpecification"]
    spread = told["MixedInstancesPolicy"]["InstancesDistribution"]
    return {
        "bounds": (told["MinSize"], told["MaxSize"]),
        "launches": (specification["LaunchTemplateId"], specification["Version"]),
        "types": [each["InstanceType"] for each in launches["Overrides"]],
        "on_demand": (
            spread["OnDemandBaseCapacity"],
            spread["OnDemandPercentageAboveBaseCapacity"],
        ),
        "spot": spread["SpotAllocationStrategy"],
        "rebalances": told["CapacityRebalance"],
        "hooks": {each["LifecycleHookName"]: _hook(each) for each in hooks["LifecycleHooks"]},
        "tags": {
            each["Key"]: each["Value"]
            for each in told["Tags"]
            if each["PropagateAtLaunch"] and not each["Key"].startswith("aws:")
        },
        "protects": told["NewInstancesProtectedFromScaleIn"],
    }


def _hook(told: Any) -> tuple[str, int, str]:
    transition = told["LifecycleTransition"].rpartition("_")[2].lower()
    return transition, told["HeartbeatTimeout"], told["DefaultResult"]


def hook(it: Resource) -> Facts | None:
    group = it.properties["AutoScalingGroupName"]
    asked = {"AutoScalingGroupName": group, "LifecycleHookNames": [it.physical]}
    answer = it.found("ValidationError", "autoscaling", "describe_lifecycle_hooks", **asked)
    found = (answer or {"LifecycleHooks": []})["LifecycleHooks"]
    return {"of": group, "holds": _hook(found[0])} if found else None


def scheduled_action(it: Resource) -> Facts | None:
    group = it.properties["AutoScalingGroupName"]
    asked = {"AutoScalingGroupName": group, "ScheduledActionNames": [it.physical]}
    answer = it.found("ValidationError", "autoscaling", "describe_scheduled_actions", **asked)
    found = (answer or {"ScheduledUpdateGroupActions": []})["ScheduledUpdateGroupActions"]
    if not found:
        return None
    (told,) = found
    return {
        "when": (told["Recurrence"], told.get("TimeZone")),
        "least": told["MinSize"],
        # What is the engine's to choose, or would have the clock end nodes.
        "others": [told[name] for name in ("MaxSize", "DesiredCapacity") if name in told],
    }


def warm_pool(it: Resource) -> Facts | None:
    asked = {"AutoScalingGroupName": it.physical}
    answer = it.found("ValidationError", "autoscaling", "describe_warm_pool", **asked)
    told = (answer or {}).get("WarmPoolConfiguration")
    if told is None:
        return None
    return {
        "size": (told["MinSize"], told.get("MaxGroupPreparedCapacity")),
        "state": told["PoolState"],
        "reused": told["InstanceReusePolicy"]["ReuseOnScaleIn"],
    }


def launch_template(it: Resource) -> Facts | None:
    asked = {"LaunchTemplateId": it.physical, "Versions": ["$Latest"]}
    absent = "InvalidLaunchTemplateId.NotFound"
    answer = it.found(absent, "ec2", "describe_launch_template_versions", **asked)
    if answer is None or not answer["LaunchTemplateVersions"]:
        return None
    (version,) = answer["LaunchTemplateVersions"]
    told = version["LaunchTemplateData"]
    (disk,) = told["BlockDeviceMappings"]
    metadata = told["MetadataOptions"]
    return {
        "image": told["ImageId"],
        "metadata": (metadata["HttpTokens"], metadata["HttpPutResponseHopLimit"]),
        "tags_told": metadata["InstanceMetadataTags"],
        "disk": (disk["Ebs"]["VolumeType"], disk["Ebs"]["VolumeSize"], disk["Ebs"]["Encrypted"]),
        "disk_goes": disk["Ebs"]["DeleteOnTermination"],
        "profile": last(told["IamInstanceProfile"]["Arn"]),
        "security_groups": told["SecurityGroupIds"],
        "key_pair": told.get("KeyName"),
        "begins": base64.b64decode(told["UserData"]).decode(),
    }


def security_group(it: Resource) -> Facts | None:
    absent = "InvalidGroup.NotFound InvalidGroupId.NotFound"
    answer = it.found(absent, "ec2", "describe_security_groups", GroupIds=[it.physical])
    if answer is None:
        return None
    (told,) = answer["SecurityGroups"]
    return {
        "vpc": told["VpcId"],
        "in": told["IpPermissions"],
        "out": [
            (each["IpProtocol"], [to["CidrIp"] for to in each["IpRanges"]])
            for each in told["IpPermissionsEgress"]
        ],
    }


QUESTIONS: dict[str, Question] = {
    "AWS::AutoScaling::AutoScalingGroup": group,
    "AWS::AutoScaling::LifecycleHook": hook,
    "AWS::AutoScaling::ScheduledAction": scheduled_action,
    "AWS::AutoScaling::WarmPool": warm_pool,
    "AWS::EC2::LaunchTemplate": launch_template,
    "AWS::EC2::SecurityGroup": security_group,
}
