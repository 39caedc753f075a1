"""What helps against what AWS says of a resource that could not be made. Pure.

AWS's words are the resource's own service's, in which its error code stands; the first that fits
is told. Sources are the services' API References, each under its operation's "Errors".
"""

from __future__ import annotations

import re
from typing import Final

_AGAIN: Final = "wait a minute and run it again"

_REMEDIES: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), text)
    for pattern, text in (
        (r"RequestExpired|ExpiredToken|InvalidClientTokenId", "renew the credentials"),
        (
            r"Rate exceeded|Throttl|TooManyRequests|RequestLimitExceeded|SlowDown",
            "AWS asks to slow down: run it again",
        ),
        (
            r"explicit deny|service control policy",
            "a policy of yours denies it: allow it for these credentials",
        ),
        (
            r"permissions? boundary|PermissionsBoundary",
            "correct aws.boundary, or allow what it denies",
        ),
        (
            r"\(IAM::Role\).*(NoSuchEntity|does not exist|cannot be found|not attachable)",
            "correct nodes.policies or aws.boundary: name policies that this account has",
        ),
        (
            r"service.linked role",
            "ECS makes its role with an account's first cluster, and may be too early to use it: "
            "run it again; where it is not made by then: aws iam create-service-linked-role "
            "--aws-service-name ecs.amazonaws.com",
        ),
        (
            r"Export .*in use by",
            "another stack still imports it: change or delete that one first",
        ),
        (
            r"Could not deliver test message|(unable to|cannot be|cannot) assumed? ",
            f"{_AGAIN} (IAM may not know its role everywhere yet)",
        ),
        (
            r"AccessDenied|UnauthorizedOperation|AuthorizationError|not authorized|Access Denied",
            "allow it for these credentials: CloudFormation works with them",
        ),
        (
            r"QueueDeletedRecently|wait 60 seconds after deleting",
            f"{_AGAIN} (SQS keeps a queue's name for 60 s)",
        ),
        (
            r"BucketAlreadyExists|name is not available",
            "buckets' names are worldwide: name another (aws.artifact_bucket, payload_bucket, "
            "results.bucket), or rename the fleet",
        ),
        (
            r"BucketAlreadyOwnedByYou",
            "it was made meanwhile: run it again, which imports it, or tells whose it is",
        ),
        (
            r"\(S3::Bucket\).*already exists",
            "run it again, which imports it where it is this account's; buckets' names are "
            "worldwide: where it is another's, name another (aws.artifact_bucket, payload_bucket, "
            "results.bucket)",
        ),
        (
            r"InstanceType|instance type|Unsupported: The requested configuration",
            "name types that the region's zones have: nodes.types (aws ec2 "
            "describe-instance-type-offerings)",
        ),
        (
            r"InvalidAMIID|image id|AMI .*(does not exist|not found)",
            "name an image of this region: aws.image, or its SSM parameter",
        ),
        (
            r"NoSuchKey|NoSuchBucket|GetObject.*S3 Error|specified key does not exist",
            "the Lambdas' code is not in the bucket: run it again, which puts it there",
        ),
        (
            r"LimitExceeded|QuotaExceeded|quota|limit.*(reached|exceeded)|reached the limit|"
            r"TooMany\w+|exceed\w* the (maximum|limit)",
            "have AWS raise the quota (Service Quotas), or ask for less",
        ),
        (
            r"already ?exists|NameExists|ResourceInUse|AlreadyExist",
            "something that is no stack's has this name: delete it, or rename the queue or fleet",
        ),
        (
            r"NotStabilized|did not stabilize|timed? ?out",
            "see what holds it up in the console, then run it again",
        ),
        (r"InternalFailure|ServiceUnavailable|InternalError|ServiceInternalError", _AGAIN),
    )
)


def remedy(failure: str) -> str:
    """Return what helps against a failure, "" where its words do not tell.

    `failure` is the resource, its type and AWS's words: `Group (AutoScaling::AutoScalingGroup):
    ...`.
    """
    return next((text for pattern, text in _REMEDIES if pattern.search(failure)), "")
