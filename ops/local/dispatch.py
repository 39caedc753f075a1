"""Which of moto's services a request is for, found once for each.

moto 5.2 looks through the files of its own package and through some two hundred patterns at every
request, which is a third of the work of a small one.
"""

from __future__ import annotations

from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app


class Dispatcher(DomainDispatcherApplication):
    """moto's own application, with the services' names kept by the hosts that stand for them."""

    def __init__(self) -> None:
        super().__init__(create_backend_app)
        self._found: dict[str, Any] = {}

    def get_backend_for_host(self, host: str | None) -> Any:
        """Return the service of a host, None where it is for none. Called with moto's lock held."""
        if host is None or host not in self._found:
            found = super().get_backend_for_host(host)
            if host is None or found is None:
                return found
            self._found[host] = found
        return self._found[host]
