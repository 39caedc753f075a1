"""Where the demo's workers answer for their metrics and their health."""

from collections.abc import Callable

from media.demo.crew import Crew
from worker import control


class Addresses:
    """Says the metrics address of each queue's first worker, once it has one."""

    def __init__(self, fleet: str, say: Callable[[str], None]) -> None:
        self._fleet = fleet
        self._say = say
        self._found: dict[str, str] = {}

    def look(self, crew: Crew, queue: str) -> None:
        """Ask the queue's first worker, unless it has answered before; a silent one later."""
        workers = crew.of_queue(queue)
        if queue in self._found or not workers:
            return
        path = control.socket_path(self._fleet, queue, workers[0].child.pid)
        try:
            address = control.ask(path, {"verb": "status"}).get("metrics")
        except control.Unreachable:
            return
        if isinstance(address, str):
            self._found[queue] = address
            self._say(f"metrics of {workers[0].child.name}: http://{address}/metrics, /healthz")
