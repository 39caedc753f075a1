"""What looks like a secret, by a file's name or by what it holds. Pure.

A release is read by every node of the fleet, and stays in its bucket.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Final

#: How much of a file is looked at, from its beginning.
HEAD_BYTES: Final = 64 * 1024

#: Files and folders of tools that keep secrets in them, in lower case.
_NAMES: Final = (
    ".aws",
    ".env*",
    ".git-credentials",
    ".gnupg",
    ".kube",
    ".my.cnf",
    ".netrc",
    ".npmrc",
    ".pgpass",
    ".pypirc",
    ".ssh",
    ".vault-token",
    "_netrc",
    "*.env",
    "*.jks",
    "*.keystore",
    "*.p12",
    "*.pfx",
    "*.ppk",
    "*.tfstate",
    "*.tfstate.*",
    "credentials.json",
    "id_dsa",
    "id_ecdsa",
    "id_ecdsa_sk",
    "id_ed25519",
    "id_ed25519_sk",
    "id_rsa",
    "secrets.ini",
    "secrets.json",
    "secrets.toml",
    "secrets.txt",
    "secrets.y*ml",
    "service-account*.json",
    "service_account*.json",
)
_PATHS: Final = (".docker/config.json",)
#: Certificates as often as keys.
_PERHAPS: Final = ("*.key", "*.pem")

#: Of a text that holds a key (RFC 7468, 10 and 11; RFC 4716 and RFC 9580, 6.2, are alike).
_PRIVATE_KEY: Final = re.compile(rb"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----")
#: Unique ids of access keys ("IAM identifiers", IAM User Guide). AWS's own examples end in EXAMPLE.
_KEY_ID: Final = re.compile(
    rb"(?<![A-Za-z0-9])A(?:K|S)IA(?![A-Z0-9]{9}EXAMPLE)[A-Z0-9]{16}(?![A-Za-z0-9])"
)
#: The secret of one: 40 characters, of which no hash in hexadecimal has all kinds.
_SECRET: Final = re.compile(rb"(?<![A-Za-z0-9/+=])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])")
_KINDS: Final = tuple(re.compile(kind) for kind in (rb"[A-Z]", rb"[a-z]", rb"[0-9]"))


def named(path: str) -> bool:
    """Whether a path, relative and with slashes, is where a secret usually is."""
    lower = path.lower()
    return any(_any(part, _NAMES) for part in lower.split("/")) or any(
        f"/{lower}".endswith(f"/{each}") for each in _PATHS
    )


def perhaps_named(path: str) -> bool:
    """Whether a file of this path holds a secret where it holds a private key."""
    return _any(path.lower().rpartition("/")[2], _PERHAPS)


def held(text: bytes) -> str | None:
    """Return what secret a text holds, None for none that can be told."""
    if _PRIVATE_KEY.search(text) is not None:
        return "a private key"
    if _KEY_ID.search(text) is not None and any(
        all(kind.search(found[0]) for kind in _KINDS) for found in _SECRET.finditer(text)
    ):
        return "an AWS access key with its secret"
    return None


def _any(part: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(part, pattern) for pattern in patterns)
