"""What happened to nodes and messages, told line by line."""

import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from media.demo.deliveries import Deliveries
from media.demo.orders import Order
from media.demo.sums import Again, Incident, Sums

_WIDTH = 100  # characters


@dataclass(frozen=True)
class Line:
    """A line of the report: a word in a style of rich's, and the text after it."""

    word: str
    style: str
    text: str


def happenings(sums: Sums, orders: Mapping[str, Order], deliveries: Deliveries) -> Iterator[Line]:
    """Yield the lines: killed, run twice, later, dead, lost, and how the nodes left."""
    return _Teller(sums, orders, deliveries).lines()


class _Teller:
    def __init__(self, sums: Sums, orders: Mapping[str, Order], deliveries: Deliveries) -> None:
        self._sums = sums
        self._orders = orders
        self._deliveries = deliveries

    def lines(self) -> Iterator[Line]:
        again = [one for queue in self._sums.queues for one in queue.run_twice]
        for incident in self._sums.incidents:
            yield from self._struck(incident, again)
        for one in again:
            if one.killed is None:
                yield Line(
                    "twice", "yellow", f"{one.queue}: {one.id}: grep the logs for its lost lease"
                )
        for later in self._sums.later:
            style = "bold red" if later.early else "green"
            asked, late = later.countdown_seconds, later.late_seconds
            text = (
                f"{later.id}: sent with a countdown of {asked} s, begun {late:.1f} s after its end"
            )
            yield Line("later", style, text)
        yield from self._dead()
        for queue in self._sums.queues:
            for id_ in queue.lost:
                yield Line("lost", "bold red", f"{queue.queue}: {id_}")
            if queue.left_in_queue:
                text = f"{queue.queue}: {queue.left_in_queue} messages are in the queue still"
                yield Line("left", "bold red", text)
        yield self._nodes()

    def _nodes(self) -> Line:
        stays = self._sums.stays
        stayed = [stay.id for stay in stays if not stay.left]
        if stayed:
            return Line("stayed", "bold red", f"nodes that have not left: {', '.join(stayed)}")
        vanished = sum(stay.vanished for stay in stays)
        text = (
            f"{len(stays)} nodes were launched: {vanished} vanished, "
            f"{len(stays) - vanished} left when their work was done"
        )
        return Line("nodes", "green", text)

    def _struck(self, incident: Incident, again: list[Again]) -> Iterator[Line]:
        who = (
            f"node {incident.node}"
            if incident.kind == "node"
            else f"the worker (pid {incident.worker}) of {incident.node}"
        )
        caused = [one for one in again if one.killed == incident.worker]
        cut_off = sum(one.cut_off for one in caused)
        tasks = f"{cut_off} task{'' if cut_off == 1 else 's'}"
        then = "; run again:" if caused else ""
        text = f"{incident.queue}: {who} at {incident.at:.1f} s, in the middle of {tasks}{then}"
        yield Line("vanished" if incident.kind == "node" else "killed", "bold red", text)
        for one in caused:
            after_seconds = one.next_started_at - incident.epoch
            yield Line(
                "", "", f"{one.id}: after {after_seconds:.1f} s, {_why(one)}: {self._made(one)}"
            )

    def _made(self, one: Again) -> str:
        order = self._orders[one.id]
        if order.damaged:
            return "nothing, it is damaged on purpose"
        if not one.whole:
            return "NOT WHOLE"
        path = self._deliveries.path(order)
        size = size_text(path.stat().st_size)
        clip = self._deliveries.clip(order) if order.queue == "video" else None
        if clip is None:
            if order.queue == "email":
                count = self._deliveries.mails[order.makes]
                return f"one file, delivered {'once' if count == 1 else f'{count} times'}"
            return f"whole, {size}"
        return f"whole, {clip.width}x{clip.height}, {clip.duration_seconds:.1f} s of video, {size}"

    def _dead(self) -> Iterator[Line]:
        for queue in self._sums.queues:
            letters = Counter(letter.id for letter in queue.dead)
            for letter in {letter.id: letter for letter in queue.dead}.values():
                unexpected = letter in self._sums.unexpected
                style = "bold red" if unexpected else "yellow"
                note = "" if unexpected else " (damaged on purpose)"
                if letters[letter.id] > 1:
                    note += f" {letters[letter.id]} times, as it was run again"
                yield Line("dead", style, f"{queue.queue}: {letter.id}{note}: {letter.kind}:")
                for text in textwrap.wrap(letter.text, _WIDTH, max_lines=2, placeholder=" ..."):
                    yield Line("", "", text)


def _why(one: Again) -> str:
    if one.sent_again:
        return "sent again by what was run again"
    if one.cut_off:
        return f"cut off, now by pid {one.next_worker}"
    return "done, but not yet deleted from the queue"


def size_text(size_bytes: int) -> str:
    """Return a size as a person reads it."""
    return f"{size_bytes / 1e6:.1f} MB" if size_bytes >= 100_000 else f"{size_bytes / 1e3:.1f} kB"
