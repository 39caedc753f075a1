"""What the work has really left behind: whole clips, statements, mails, classified documents."""

import json
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from media import video
from media.demo.orders import Order
from media.errors import MediaError
from media.smtp_sink import JOURNAL


class Deliveries:
    """Looks at the files in the demo's folder, once all work has ended."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._source_seconds: dict[Path, float] = {}
        self.mails = _mails(folder / "mails")

    def whole(self, order: Order) -> bool:
        """Whether what an order makes is there and whole."""
        if order.queue == "email":
            # The server's answer, and with it the end of the task, comes after this line.
            return self.mails[order.makes] > 0 and self.path(order).stat().st_size > 0
        path = self.path(order)
        return path.is_file() and _LOOKS[order.queue](self, order, path)

    def path(self, order: Order) -> Path:
        """Return where what an order makes lies."""
        if order.queue == "email":
            return self._folder / "mails" / f"{order.makes}.eml"
        return self._folder / order.makes

    def count_whole(self, orders: Iterable[Order], on_each: Callable[[], None]) -> set[str]:
        """Return the ids of the orders that are whole; `on_each` is called before each look."""
        found = set()
        for order in orders:
            on_each()
            if self.whole(order):
                found.add(order.id)
        return found

    def clip(self, order: Order) -> video.Clip | None:
        """Return what a transcoded clip's headers say, None where it cannot be opened."""
        try:
            return video.probe(self.path(order))
        except MediaError:
            return None

    def _clip_whole(self, order: Order, path: Path) -> bool:
        made = self.clip(order)
        source, height = self._folder / str(order.args[0]), order.args[1]
        if source not in self._source_seconds:
            self._source_seconds[source] = video.probe(source).duration_seconds
        missing_seconds = self._source_seconds[source] - (made.duration_seconds if made else 0.0)
        poster = path.with_suffix(".jpg")
        return (
            made is not None
            and made.height == height
            and missing_seconds < 0.5
            and (poster.is_file())
        )

    def _statement_whole(self, _order: Order, path: Path) -> bool:
        content = path.read_bytes()
        return content.startswith(b"%PDF-") and content.rstrip().endswith(b"%%EOF")

    def _document_whole(self, order: Order, path: Path) -> bool:
        found: object = json.loads(path.read_text(encoding="utf-8"))["pdf"]
        return found == order.args[0]


_LOOKS: dict[str, Callable[[Deliveries, Order, Path], bool]] = {
    "video": Deliveries._clip_whole,
    "statements": Deliveries._statement_whole,
    "documents": Deliveries._document_whole,
}


def _mails(folder: Path) -> Counter[str]:
    """Count the deliveries of each Message-ID."""
    journal = folder / JOURNAL
    if not journal.exists():
        return Counter()
    lines = journal.read_text(encoding="utf-8").splitlines()
    return Counter(json.loads(line)["message_id"] for line in lines)
