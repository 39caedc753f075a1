"""The instance metadata service, version 2: what it says of this machine, within a second each.

EC2 User Guide, "Use the Instance Metadata Service to access instance metadata": a token by PUT,
then GET with it; 401 asks for a new token, 404 is what there is not.
"""

from __future__ import annotations

import http.client
import os
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

ENDPOINT_VARIABLE: Final = "AWS_EC2_METADATA_SERVICE_ENDPOINT"
ENDPOINT: Final = "http://169.254.169.254"

_TOKEN_PATH: Final = "/latest/api/token"  # noqa: S105 - a path
_TOKEN_SECONDS: Final = 21_600
_ANSWER_SECONDS: Final = 1.0
_ANSWER_AT_MOST_BYTES: Final = 64 * 1024


class NoMetadata(Exception):
    """The service did not answer, or not as it should; the text says how."""


class Metadata:
    """One machine's metadata service. For one thread."""

    def __init__(self, env: Mapping[str, str] = os.environ) -> None:
        self.url = env.get(ENDPOINT_VARIABLE) or ENDPOINT
        parts = urlsplit(self.url)
        self._host, self._port = parts.hostname or "", parts.port
        self._prefix = parts.path.rstrip("/")
        self._token: str | None = None

    def get(self, path: str) -> str | None:
        """Return the text at `/latest/meta-data/{path}`, None where there is none.

        Raises NoMetadata.
        """
        for _ in range(2):
            if self._token is None:
                self._token = self._new_token()
            status, text = self._ask(
                "GET", f"/latest/meta-data/{path}", {"X-aws-ec2-metadata-token": self._token}
            )
            if status == 200:
                return text
            if status == 404:
                return None
            if status != 401:
                raise NoMetadata(f"{path}: expected 200 or 404, got {status}")
            self._token = None
        raise NoMetadata(f"{path}: expected the token to be taken, a new one is refused as well")

    def _new_token(self) -> str:
        header = {"X-aws-ec2-metadata-token-ttl-seconds": str(_TOKEN_SECONDS)}
        status, text = self._ask("PUT", _TOKEN_PATH, header)
        if status != 200:
            raise NoMetadata(f"token: expected 200, got {status}")
        return text

    def _ask(self, method: str, path: str, headers: Mapping[str, str]) -> tuple[int, str]:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=_ANSWER_SECONDS)
        try:
            connection.request(method, self._prefix + path, headers=dict(headers))
            answer = connection.getresponse()
            body = answer.read(_ANSWER_AT_MOST_BYTES)
            return answer.status, body.decode(errors="replace").strip()
        except (OSError, http.client.HTTPException, ValueError) as error:
            what = str(error) or type(error).__name__
            raise NoMetadata(f"{self.url}: expected an answer, got none: {what}") from None
        finally:
            connection.close()
