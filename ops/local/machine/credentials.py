"""A role's credentials that end soon, as a metadata service hands them out anew. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ops.local.identity import key_until

if TYPE_CHECKING:
    from ops.local.machine.instance import Instance


def issued(of: Instance, now: float) -> Instance:
    """Return an instance with the credentials of now, in seconds since the epoch.

    Where they are to last `credentials_seconds` there are others every half of that, and the key
    holds its end, after which the local AWS refuses it.
    """
    if of.credentials is None or of.credentials_seconds is None:
        return of
    return replace(of, credentials=_lasting(of.credentials, of.credentials_seconds, now))


def _lasting(known: Mapping[str, str], seconds: float, now: float) -> dict[str, str]:
    half = seconds / 2
    ends = (now // half + 2) * half
    key = key_until(known["AccessKeyId"], ends)
    return {
        **known,
        "AccessKeyId": key,
        "Token": f"{known['Token']}-{ends:.0f}",
        # botocore takes what ends within minutes for a service in trouble, and goes on with it for
        # minutes more, if it can read the end (InstanceMetadataFetcher._evaluate_expiration). It
        # expects a Z; the credentials themselves are read by another parser.
        "Expiration": datetime.fromtimestamp(ends, UTC).isoformat(timespec="milliseconds"),
    }
