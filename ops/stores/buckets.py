"""What must change for an S3 bucket to be what the manifest wants. Pure: no AWS in here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ops.stores.step import WHOSE, Change, Step, differing_tags, foreign
from ops.stores.wanted import Bucket, Expiry

CLOSED = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}
_TLS_ONLY = "FleetTlsOnly"


@dataclass(frozen=True, slots=True)
class FoundBucket:
    """A bucket as it is; what it has no configuration of is None or empty."""

    region: str
    encrypted: bool
    closed: bool
    policy: Mapping[str, Any] | None
    rules: Sequence[Mapping[str, Any]]
    tags: Mapping[str, str]


def refusals(want: Bucket, found: FoundBucket | None) -> Iterator[str]:
    """Yield why a bucket may not be touched."""
    if found is None:
        return
    another = foreign("bucket", want.name, want.tags, found.tags)
    if another is not None:
        yield another
    if found.region != want.region:
        yield (
            f"{want.name}: expected a bucket in {want.region}, got one in {found.region}: "
            "name another bucket (each transfer would cross regions)"
        )


def steps(want: Bucket, found: FoundBucket | None) -> Iterator[Step]:
    """Yield the requests that a bucket needs, in order; none where it is as wanted.

    S3 replaces policies, lifecycle rules and tags whole: those of others are sent along.
    """
    if found is None:
        yield _creation(want)
        found = FoundBucket(want.region, False, False, None, (), {})
    # First of all: what is cut short must not look like somebody else's.
    yield from _tags(want, found)
    if not found.closed:
        yield _put(
            want,
            "put_public_access_block",
            {"PublicAccessBlockConfiguration": CLOSED},
            Change(
                want.name, "public access", None, "blocked", "arguments and results are private"
            ),
        )
    if not found.encrypted:
        rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
        yield _put(
            want,
            "put_bucket_encryption",
            {"ServerSideEncryptionConfiguration": {"Rules": [rule]}},
            Change(want.name, "encryption", None, "AES256", "encrypted at rest"),
        )
    yield from _policy(want, found)
    yield from _lifecycle(want, found)


def _creation(want: Bucket) -> Step:
    # us-east-1 is the region that must not be named (S3 API Reference, CreateBucket).
    place = {"CreateBucketConfiguration": {"LocationConstraint": want.region}}
    change = Change(want.name, "bucket", None, f"in {want.region}", want.purpose)
    return _put(want, "create_bucket", {} if want.region == "us-east-1" else place, change)


def _policy(want: Bucket, found: FoundBucket) -> Iterator[Step]:
    statement = {
        "Sid": _TLS_ONLY,
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [want.arn, f"{want.arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    policy = found.policy or {"Version": "2012-10-17"}
    there = policy.get("Statement", [])
    there = [there] if isinstance(there, dict) else there
    if any(_meaning(each) == _meaning(statement) for each in there):
        return
    others = [each for each in there if each.get("Sid") != _TLS_ONLY]
    document = json.dumps({**policy, "Statement": [*others, statement]})
    change = Change(want.name, "policy", None, "TLS only", "nothing is sent in the clear")
    yield _put(want, "put_bucket_policy", {"Policy": document}, change)


def _lifecycle(want: Bucket, found: FoundBucket) -> Iterator[Step]:
    by_id = {str(rule.get("ID")): rule for rule in found.rules}
    rules = {expiry.rule_id: _rule(expiry) for expiry in want.expiries}
    differing = [e for e in want.expiries if by_id.get(e.rule_id) != rules[e.rule_id]]
    if not differing:
        return
    others = [rule for rule in found.rules if rule.get("ID") not in rules]
    before = [_days(by_id[e.rule_id], e.prefix) for e in differing if e.rule_id in by_id]
    change = Change(
        want.name,
        "lifecycle",
        ", ".join(before) or None,
        ", ".join(f"{expiry.prefix} after {expiry.days} days" for expiry in differing),
        "nothing needs it any longer",
    )
    whole = {"LifecycleConfiguration": {"Rules": [*others, *rules.values()]}}
    yield _put(want, "put_bucket_lifecycle_configuration", whole, change)


def _tags(want: Bucket, found: FoundBucket) -> Iterator[Step]:
    differing = tuple(differing_tags(want.tags, found.tags))
    if not differing:
        return
    whole = [{"Key": k, "Value": v} for k, v in {**found.tags, **want.tags}.items()]
    change = Change(
        want.name,
        " ".join(f"tag {key}" for key, _, _ in differing),
        ", ".join(before for _, before, _ in differing if before is not None) or None,
        ", ".join(value for _, _, value in differing),
        WHOSE,
    )
    yield _put(want, "put_bucket_tagging", {"Tagging": {"TagSet": whole}}, change)


def _put(want: Bucket, call: str, arguments: Mapping[str, Any], change: Change) -> Step:
    return Step("s3", call, {"Bucket": want.name, **arguments}, change)


def _rule(expiry: Expiry) -> dict[str, Any]:
    return {
        "ID": expiry.rule_id,
        "Filter": {"Prefix": expiry.prefix},
        "Status": "Enabled",
        "Expiration": {"Days": expiry.days},
        # In a bucket with versions, an expired object would stay as one of them.
        "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
    }


def _days(rule: Mapping[str, Any], prefix: str) -> str:
    days = rule.get("Expiration", {}).get("Days")
    return f"{prefix} otherwise" if days is None else f"{prefix} after {days} days"


def _meaning(statement: Mapping[str, Any]) -> dict[str, Any]:
    """Return a statement as it compares: S3 gives back lists of one as texts, and no order."""
    meaning = {
        key: sorted(value) if isinstance(value, list) else [value]
        for key, value in statement.items()
        if key in ("Action", "Resource")
    }
    return {**statement, **meaning}
