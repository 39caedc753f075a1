"""Who may call what a local fleet serves on loopback: programs of this computer, not web pages.

A page of any site may have the browser beside it call 127.0.0.1, directly or under a name of its
own that leads there (DNS rebinding). Whoever can call a local AWS runs code as its user. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from ops.local.admin import App

# Names below localhost are this computer's too (RFC 6761, 6.3): buckets may be part of a host.
_HOST: Final = re.compile(
    r"(?:(?:[a-z0-9_-]+\.)*localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?", re.IGNORECASE
)
_SHOWN: Final = ".80"
_REMEDY: Final = "call it from a program on this computer, by its address"


def refusal(method: str, headers: Mapping[str, str]) -> str | None:
    """Return why a request is refused, in one line, None where it is not.

    The headers' names are in lower case. A browser says whose page a request is of, in Origin
    (RFC 6454, 7) or Sec-Fetch-Site (Fetch Metadata Request Headers, 2.4), where `none` is a person
    who typed the address, and it asks with OPTIONS before what is no simple request.
    """
    if "origin" in headers:
        return f"Origin: expected none, found {headers['origin']!r:{_SHOWN}}: {_REMEDY}"
    site = headers.get("sec-fetch-site", "none")
    if site != "none":
        return f"Sec-Fetch-Site: expected none, found {site!r:{_SHOWN}}: {_REMEDY}"
    if method == "OPTIONS":
        return f"OPTIONS: expected another method: no page may call this: {_REMEDY}"
    host = headers.get("host", "")
    if _HOST.fullmatch(host) is None:
        return (
            "Host: expected an address of 127.0.0.0/8, [::1] or a name that ends in localhost, "
            f"found {host!r:{_SHOWN}}: {_REMEDY}"
        )
    return None


def before(app: App) -> App:
    """Return an application that answers 403 to what is refused, and hands all else to `app`.

    No answer lets a page read it: moto's would, with Access-Control-Allow-Origin.
    """

    def call(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        why = refusal(environ["REQUEST_METHOD"], _headers(environ))
        if why is not None:
            body = f"{why}\n".encode()
            start_response(
                "403 Forbidden",
                [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))],
            )
            return [body]

        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            kept = [each for each in headers if not each[0].lower().startswith("access-control-")]
            return start_response(status, kept, *error)

        return app(environ, start)

    return call


def _headers(environ: Mapping[str, Any]) -> dict[str, str]:
    names = {
        "origin": "HTTP_ORIGIN",
        "sec-fetch-site": "HTTP_SEC_FETCH_SITE",
        "host": "HTTP_HOST",
    }
    return {name: environ[key] for name, key in names.items() if key in environ}
