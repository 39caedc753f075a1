"""What a request asks of which AWS service: its operation and parameters, by botocore's models.

The protocols are told apart and parsed as AWS's own services do (JSON with a target, query, REST),
by moto's parsers, which follow the models that boto3 sends by.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from botocore.loaders import Loader
from moto.backend_index import backend_url_patterns
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request, determine_request_protocol
from moto.core.routing import get_service_router
from moto.core.utils import get_service_model

#: Services that sign under another name than botocore's ("Signature Version 4", Credential).
_SIGNED_AS: Final = {"monitoring": "cloudwatch", "events": "events"}
_CREDENTIAL: Final = re.compile(r"Credential=([^/]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")
_VIA: Final = re.compile(r"\bvia/([a-z]+)")
#: moto's modules are named as botocore has it, without hyphens, but for one.
_MODULES: Final = {"awslambda": "lambda"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: service and operation as botocore names them; `operation` empty if not known.

    `via` is the service that calls on the caller's behalf (`cloudformation`), else empty.
    """

    key: str
    region: str
    service: str
    operation: str
    via: str = ""
    parameters: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


def asked(environ: dict[str, Any], body: bytes) -> Asked | None:
    """Return what a WSGI request asks, or None for one that is not signed.

    `body` is what was read of its input. Nothing raises: what cannot be told is left empty.
    """
    credential = _CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
    if credential is None:
        return None
    key, region, signed = credential.groups()
    service = _SIGNED_AS.get(signed, signed)
    via = _VIA.search(environ.get("HTTP_USER_AGENT", ""))
    operation, parameters = _parsed(service, environ, body)
    return Asked(key, region, service, operation, via.group(1) if via else "", parameters)


@cache
def services() -> frozenset[str]:
    """Return the services that the local AWS has, as botocore names them."""
    served = {_MODULES.get(name, name).replace("-", "") for name, _ in backend_url_patterns}
    named = Loader().list_available_services("service-2")
    return frozenset(name for name in named if name.replace("-", "") in served)


def operations(service: str) -> frozenset[str]:
    """Return the operations that a request may ask of one of `services`.

    None of one whose requests are signed for another, so that they are taken for its.
    """
    model = get_service_model(service)
    signed = model.signing_name
    if _SIGNED_AS.get(signed, signed) != service:
        return frozenset()
    return frozenset(model.operation_names)


def _parsed(service: str, environ: dict[str, Any], body: bytes) -> tuple[str, dict[str, Any]]:
    request = Request.from_values(
        method=environ["REQUEST_METHOD"],
        base_url="http://127.0.0.1",
        path=environ.get("PATH_INFO", "/"),
        query_string=environ.get("QUERY_STRING", ""),
        headers=[*_headers(environ)],
        data=body,
    )
    operation = ""
    try:
        model = get_service_model(service)
        name = request.headers.get("X-Amz-Target", "").rpartition(".")[2]
        name = name or request.values.get("Action", "")
        uri: dict[str, Any] = {}
        if not name:
            matched, uri = get_service_router(service).match(request)
            name = matched.name
        operation = name
        protocol = determine_request_protocol(model, request.content_type)
        parser = PROTOCOL_PARSERS[protocol](model.operation_model(name))
        parsed: dict[str, Any] = parser.parse(
            {
                "method": request.method,
                "values": request.values,
                "headers": request.headers,
                "body": body,
                "url_path": request.path,
                "url_params": uri,
            }
        )
    except Exception:  # a request that nobody understands is moto's to refuse
        return operation, {}
    return operation, parsed


def _headers(environ: dict[str, Any]) -> list[tuple[str, str]]:
    headers = [
        (name.removeprefix("HTTP_").replace("_", "-").title(), str(value))
        for name, value in environ.items()
        if name.startswith("HTTP_")
    ]
    if environ.get("CONTENT_TYPE"):
        headers.append(("Content-Type", environ["CONTENT_TYPE"]))
    return headers


def access_key(authorization: str) -> str:
    """Return the access key in a header of Signature Version 4; empty where there is none."""
    credential = _CREDENTIAL.search(authorization)
    return credential.group(1) if credential is not None else ""
