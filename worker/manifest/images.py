"""What nodes are made of: images and instance types as the manifest names them."""

from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

from worker.manifest.fields import matching, tuple_of_list
from worker.manifest.problems import RefusedValueError

# SSM parameter names: "a-zA-Z0-9_.-" and slashes, at most 1,011 characters with the ARN's prefix.
IMAGE_PATTERN = r"^(ami-[0-9a-f]{8,17}|/[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*)$"
TYPE_PATTERN = r"^[a-z][a-z0-9-]{0,30}\.[a-z0-9-]{1,30}$"
# REGISTRY/NAME, with a tag or a digest: what ECS pulls.
CONTAINER_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._/:@-]{0,511}$"

#: "You can add up to 40 instance types" to a mixed instances policy (EC2 Auto Scaling User Guide).
MOST_TYPES = 40

Image = Annotated[
    str,
    matching(
        IMAGE_PATTERN,
        'an AMI such as "ami-0a1b2c3d" or an SSM parameter such as "/media/image"',
        "write one of them",
    ),
    WithJsonSchema({"type": "string", "pattern": IMAGE_PATTERN}),
]

ContainerImage = Annotated[
    str,
    matching(
        CONTAINER_PATTERN,
        'a container image such as "123456789012.dkr.ecr.eu-west-1.amazonaws.com/media:42"',
        "write the registry, the name and the tag or digest",
    ),
    WithJsonSchema({"type": "string", "pattern": CONTAINER_PATTERN}),
]

InstanceType = Annotated[
    str,
    matching(TYPE_PATTERN, 'an instance type such as "m7g.large"', "write it as EC2 does"),
    WithJsonSchema({"type": "string", "pattern": TYPE_PATTERN}),
]


def _once_each(types: object) -> object:
    if isinstance(types, list | tuple):
        if not types:
            raise RefusedValueError("at least one instance type", 'name one, such as "m7g.large"')
        if len(types) > MOST_TYPES:
            raise RefusedValueError(
                f"at most {MOST_TYPES} instance types",
                "remove some (a group takes no more)",
                str(len(types)),
            )
        if twice := sorted({str(each) for each in types if types.count(each) > 1}):
            raise RefusedValueError("each instance type once", "remove it", f"{twice[0]} again")
    return tuple_of_list(types)


InstanceTypes = Annotated[
    tuple[InstanceType, ...],
    Field(min_length=1, max_length=MOST_TYPES),
    BeforeValidator(_once_each),
]
