"""IAM policies as the manifest names them."""

from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

from worker.manifest.fields import matching, tuple_of_list

# No comma, which IAM allows and CloudFormation's lists do not.
POLICY_PATTERN = r"^arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/[A-Za-z0-9+=.@_/-]{1,512}$"

#: IAM attaches at most 10 managed policies to a role, 20 on request (IAM quotas).
MOST_POLICIES = 10

PolicyArn = Annotated[
    str,
    matching(
        POLICY_PATTERN,
        'the ARN of a policy such as "arn:aws:iam::123456789012:policy/boundary"',
        "write it whole",
    ),
    WithJsonSchema({"type": "string", "pattern": POLICY_PATTERN}),
]

Policies = Annotated[
    tuple[PolicyArn, ...], Field(max_length=MOST_POLICIES), BeforeValidator(tuple_of_list)
]
