"""What AWS calls its refusals, and what to do about each. Pure."""

from __future__ import annotations

DENIED_CODES = (
    # what S3 says to a HEAD, whose answer has no body
    "403",
    "AccessDenied",
    "AccessDeniedException",
    "UnauthorizedOperation",
    "AuthorizationError",
)
"""AWS's codes for what these credentials may not do."""
EXPIRED_CODES = (
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "InvalidAccessKeyId",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
)
"""AWS's codes for credentials that are not taken, whatever is asked."""
THROTTLED_CODES = (
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottled",
    "RequestThrottledException",
    "RequestLimitExceeded",
    "ProvisionedThroughputExceededException",
    "SlowDown",
    "TooManyRequestsException",
)
"""AWS's codes for too much at once."""

CREDENTIALS = "set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run aws sso login"
RENEW = "renew them (aws sso login, or a new session token)"

REFUSALS = {
    "ExpiredToken": ("the credentials have expired", RENEW),
    "ExpiredTokenException": ("the credentials have expired", RENEW),
    "RequestExpired": ("the request is too old for AWS", "set this machine's clock"),
    "InvalidClientTokenId": ("AWS does not know this access key", CREDENTIALS),
    "UnrecognizedClientException": ("AWS does not know this access key", CREDENTIALS),
    "InvalidAccessKeyId": ("AWS does not know this access key", CREDENTIALS),
    "InvalidSignatureException": ("the secret key does not fit the access key", CREDENTIALS),
    "SignatureDoesNotMatch": ("the secret key does not fit the access key", CREDENTIALS),
    "BucketAlreadyExists": (
        "another account has a bucket of this name (they are worldwide)",
        "name another in the manifest",
    ),
    "OperationAborted": (
        "S3 is still at work on this bucket",
        "wait a minute and run it again",
    ),
    "ChangeSetNotFound": (
        "what was proposed is no longer there: somebody else changed the stack meanwhile",
        "run it again",
    ),
    "InvalidChangeSetStatus": (
        "what was proposed cannot be carried out any more: somebody else changed the stack",
        "run it again",
    ),
    "ResourceInUseException": (
        "the table is still being created or changed",
        "wait a minute and run it again",
    ),
    "QueueDeletedRecently": (
        "a queue of this name was deleted less than 60 s ago",
        "wait a minute and run it again (SQS keeps the name for 60 s)",
    ),
    "QueueAlreadyExists": (
        "someone else created the queue meanwhile, otherwise than we want it",
        "run it again to see what differs",
    ),
    "QueueNameExists": (
        "someone else created the queue meanwhile, otherwise than we want it",
        "run it again to see what differs",
    ),
}

# The permissions of S3 that are not named for their call (Service Authorization Reference).
S3_PERMISSIONS = {
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "ListObjectsV2": "ListBucket",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
}
