"""How a group's instance is made in moto's EC2, and what its machine is told of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from moto.core.types import Base64EncodedString
from moto.ec2.models.instances import Instance
from moto.ec2.utils import convert_tag_spec
from moto.ssm.models import ssm_backends

from ops.local.autoscaling.choose import emptiest
from ops.local.identity import key_of

_GROUP_TAG: Final = "aws:autoscaling:groupName"
_IMAGE_PARAMETER: Final = "resolve:ssm:"
_DISK_GIB: Final = 8
#: AWS renews a role's credentials every few hours; these outlast any local fleet instead.
_CREDENTIALS_LAST: Final = timedelta(days=365)


class LaunchError(Exception):
    """Why an instance cannot be launched, as the activity's status message says it."""


def version_of(group: Any) -> int:
    """Return the version of the launch template that a group launches now; 0 where it has none."""
    template = group.ec2_launch_template
    if template is None:
        return 0
    number: int = template.get_version(group.launch_template_version).number
    return number


def run(group: Any, *, spot: bool, address: str) -> Instance:
    """Make an instance, pending, in the emptiest of the group's zones. Raises LaunchError."""
    zone, subnet = _place(group)
    data, options = _template(group)
    kind = _instance_type(group)
    try:
        reservation = group.ec2_backend.run_instances(
            _image(group),
            1,
            _user_data(group, data),
            group.security_groups,
            instance_type=kind,
            tags=_tags(group, data),
            placement=zone,
            subnet_id=subnet,
            is_instance_type_default=False,
            launch_config=group.launch_config,
            lifecycle="spot" if spot else None,
            metadata_options=data.get("MetadataOptions", {}),
            **options,
        )
    except Exception as error:  # whatever EC2 refuses, the activity says
        why = getattr(error, "message", None) or repr(error)
        raise LaunchError(f"{why}. Launching EC2 instance failed.") from error
    instance: Instance = reservation.instances[0]
    instance.autoscaling_group = group
    instance._state.name, instance._state.code = "pending", 0
    _live_at(instance, address)
    _take_role(group, instance, data)
    return instance


def _template(group: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    template = group.ec2_launch_template
    if template is None:
        profile = group.launch_config.instance_profile_name if group.launch_config else None
        return ({"IamInstanceProfile": {"Name": profile}} if profile else {}), {}
    version = template.get_version(group.launch_template_version)
    wanted = {"LaunchTemplateId": template.id, "Version": str(version.number)}
    options: dict[str, Any] = {"launch_template": wanted}
    if disks := _disks(version.data):
        options["block_device_mappings"] = disks
    return version.data, options


def _user_data(group: Any, data: dict[str, Any]) -> Base64EncodedString | None:
    found = data.get("UserData") or (group.launch_config.user_data if group.launch_config else None)
    # moto parses it in a template's first version, and leaves it as text in all later ones.
    return Base64EncodedString(found) if isinstance(found, str) else found


def _tags(group: Any, data: dict[str, Any]) -> dict[str, dict[str, str]]:
    wanted = convert_tag_spec(data.get("TagSpecifications", []))
    own = {**group.get_propagated_tags(), _GROUP_TAG: group.name}
    return {"instance": {**wanted.get("instance", {}), **own}, "volume": wanted.get("volume", {})}


def _disks(data: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a template's disks, with the size where it names none, which is the image's."""
    return [
        {**disk, "Ebs": {"VolumeSize": _DISK_GIB, **disk["Ebs"]}}
        for disk in data.get("BlockDeviceMappings", ())
        if "Ebs" in disk
    ]


def _place(group: Any) -> tuple[str, str | None]:
    states = [each for each in group.instance_states if each.lifecycle_state != "Terminated"]
    subnets = group.vpc_zone_identifier.split(",") if group.vpc_zone_identifier else []
    if subnets:
        subnet = emptiest(subnets, (each.instance.subnet_id for each in states))
        return group.ec2_backend.get_subnet(subnet).availability_zone, subnet
    return emptiest(group.availability_zones, (each.availability_zone for each in states)), None


def _instance_type(group: Any) -> str:
    policy = group.mixed_instances_policy or {}
    overrides = policy.get("LaunchTemplate", {}).get("Overrides") or [{}]
    chosen: str = overrides[0].get("InstanceType") or group.instance_type
    return chosen


def _image(group: Any) -> str:
    image: str = group.image_id
    if not image.startswith(_IMAGE_PARAMETER):
        return image
    name = image.removeprefix(_IMAGE_PARAMETER)
    parameter = ssm_backends[group.account_id][group.region].get_parameter(name)
    if parameter is None:
        raise LaunchError(f"The parameter {name} of the launch template's image was not found.")
    value: str = parameter.value
    return value


def _live_at(instance: Any, address: str) -> None:
    """Give an instance its loopback address: what looks for nodes by their address finds them."""
    interface = instance.nics[0]
    interface.private_ip_address = address
    for each in interface.private_ip_addresses:
        if isinstance(each, dict) and each.get("Primary"):
            each["PrivateIpAddress"] = address


def _take_role(group: Any, instance: Any, data: dict[str, Any]) -> None:
    profile = data.get("IamInstanceProfile") or {}
    if not profile:
        return
    try:
        group.ec2_backend.associate_iam_instance_profile(
            instance.id, profile.get("Name"), profile.get("Arn")
        )
    except Exception as error:
        instance.terminate()
        wanted = profile.get("Name") or profile.get("Arn")
        raise LaunchError(f"Invalid IAM Instance Profile: {wanted}") from error


def _role(group: Any, instance: Any) -> str | None:
    association = group.ec2_backend.iam_instance_profile_associations.get(instance.id)
    roles = association.iam_instance_profile.roles if association else []
    return roles[0].name if roles else None


def facts(group: Any, instance: Any, endpoint: str, target: str) -> dict[str, Any]:
    """Return what the machine of an instance reads: instance.json. It goes to state `target`."""
    role = _role(group, instance)
    shown = instance.metadata_options.instance_metadata_tags == "enabled"
    return {
        "instance_id": instance.id,
        "image_id": instance.image_id,
        "instance_type": instance.instance_type,
        "region": group.region,
        "availability_zone": instance.availability_zone,
        "private_ip": instance.private_ip,
        "life_cycle": "spot" if instance.lifecycle == "spot" else "on-demand",
        "tags": labels(instance) if shown else {},
        "role": role,
        "credentials": credentials(role, instance.id) if role else None,
        "user_data": instance.user_data.decode() if instance.user_data else "",
        "endpoint": endpoint,
        "target_lifecycle_state": target,
        "spot_action": None,
        "rebalance": None,
    }


def labels(instance: Any) -> dict[str, str]:
    """Return an instance's tags."""
    return {tag["key"]: tag["value"] for tag in instance.get_tags()}


def credentials(role: str, instance: str) -> dict[str, str]:
    """Return what the metadata service hands out for a role: its key says whose it is."""
    return {
        "AccessKeyId": key_of(role, instance),
        "SecretAccessKey": "local",
        "Token": "local",
        "Expiration": (datetime.now(UTC) + _CREDENTIALS_LAST).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def arn_of(group: Any, instance: Any) -> str:
    """Return an instance's ARN."""
    return f"arn:aws:ec2:{group.region}:{group.account_id}:instance/{instance.id}"
