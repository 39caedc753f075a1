"""The fleet's instances: who is there, for how long, and which of them vanishes."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ops.errors import OpsError

_LOOK_EVERY_SECONDS = 0.5
_ANSWER_SECONDS = 20.0
_IN_SERVICE = "InService"


@dataclass
class Instance:
    """An instance of a queue's group; `began` and `ended` are monotonic seconds, the latter None
    as long as its machine is there. `served` is whether it was in service, `vanished` whether its
    machine was made to end from one moment to the next.
    """

    id: str
    queue: str
    began: float
    ended: float | None = None
    served: bool = False
    vanished: bool = False

    @property
    def seconds(self) -> float:
        """How long its machine has been there."""
        return (time.monotonic() if self.ended is None else self.ended) - self.began


class Instances:
    """Asks the local AWS at `url` for the instances of `fleet`, and tells `say` who comes and goes.

    What has to do with machines rather than with AWS is below `/_fleet/` there.
    """

    def __init__(self, url: str, fleet: str, say: Callable[[str], None]) -> None:
        self._url = f"{url}/_fleet/instances"
        self._fleet = fleet
        self._say = say
        self._looked = 0.0
        self.known: dict[str, Instance] = {}

    def look(self) -> None:
        """Note who is there, as often as is useful. Raises OpsError."""
        now = time.monotonic()
        if now - self._looked < _LOOK_EVERY_SECONDS:
            return
        found = {each["instance_id"]: each for each in self._ask(self._url)["instances"]}
        self._looked = now = time.monotonic()
        for id_, told in found.items():
            if id_ not in self.known:
                queue = str(told["group"] or "").removeprefix(f"{self._fleet}-")
                self.known[id_] = Instance(id_, queue, now)
            one = self.known[id_]
            if told["state"] == _IN_SERVICE and not one.served:
                one.served = True
                self._say(f"joined   {id_} ({one.queue}), {one.seconds:.1f} s after its launch")
        for one in self.known.values():
            if one.ended is None and one.id not in found:
                one.ended = now
                if not one.vanished:
                    self._say(f"left     {one.id} ({one.queue}), after {one.seconds:.1f} s")

    def here(self) -> list[Instance]:
        """Return those whose machines are there."""
        return [one for one in self.known.values() if one.ended is None]

    def vanish(self, one: Instance) -> None:
        """Have a machine end from one moment to the next, as hardware does. Raises OpsError."""
        one.vanished = True
        self._ask(f"{self._url}/{one.id}", {"kill": True})

    @staticmethod
    def _ask(url: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        try:
            with urllib.request.urlopen(url, data, _ANSWER_SECONDS) as answer:  # noqa: S310
                return json.load(answer)
        except (OSError, urllib.error.URLError, ValueError) as error:
            raise OpsError(
                f"local AWS: {url}: expected an answer, found {error}: see fleet/aws.log"
            ) from error
