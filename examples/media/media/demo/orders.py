"""What the demo has done: each piece of work by an id of its own, and the file it ends as.

An order's id is its task's id, so that every run of it can be counted, wherever it was sent from.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from media.mail import message_id

QUEUES = ("video", "statements", "email", "documents")
MONTH = "2026-03"
HEIGHTS = (240, 360, 480, 720)  # each source clip is wanted in these
SENDER = "statements@meridian.example"
REMINDER_SECONDS = 15
# A few, a rush, and the rest: when, as a share of the time, and up to which share of the work.
_WAVES = ((0.0, 0.15), (0.4, 0.75), (1.0, 1.0))
DAMAGED_CLIP, DAMAGED_SCAN = "clips/cut-off.mkv", "documents/not-a-scan.pdf"


@dataclass(frozen=True)
class Sizes:
    """How much work: transcodes, statements and scanned documents, each 1 or more."""

    clips: int
    statements: int
    documents: int

    @property
    def sources(self) -> int:
        """How many source clips the transcodes take."""
        return -(-self.clips // len(HEIGHTS))


@dataclass(frozen=True)
class Order:
    """One task, which the order `after` sends when it has succeeded, or the producer where None.

    `makes` is a file below the demo's folder, for a mail its Message-ID without the brackets.
    `damaged` input is to end in the dead-letter queue. It is not to start before
    `countdown_seconds` from its sending.
    """

    id: str
    queue: str
    task: str
    args: tuple[object, ...]
    makes: str
    after: str | None = None
    damaged: bool = False
    countdown_seconds: int = 0


def orders(sizes: Sizes) -> dict[str, Order]:
    """Return every order by its id, those of each queue in the order of their sending."""
    return {order.id: order for order in _all(sizes)}


def _all(sizes: Sizes) -> Iterator[Order]:
    yield _clip(DAMAGED_CLIP, HEIGHTS[0], damaged=True)
    for number in range(sizes.clips):
        source, height = divmod(number, len(HEIGHTS))
        clip = _clip(f"clips/clip-{source:03}.mkv", HEIGHTS[height])
        yield clip
        yield _notice(clip)
    yield _reminder()
    for user_id in range(1, sizes.statements + 1):
        made = f"statement-{user_id}"
        pdf = f"out/statements/{MONTH}/statement-{user_id}-{MONTH}.pdf"
        yield Order(made, "statements", "media.statements.make", (user_id, MONTH), pdf)
        mail = _mail_id(f"statement:{user_id}:{MONTH}")
        # Its one argument is what the statement's task returns.
        yield Order(f"mail-of-{made}", "email", "media.email.send_statement", (), mail, after=made)
    yield _scan(DAMAGED_SCAN, damaged=True)
    for number in range(sizes.documents):
        yield _scan(f"documents/scan-{number:03}.pdf")


def _clip(source: str, height: int, *, damaged: bool = False) -> Order:
    name = source.removeprefix("clips/")
    return Order(
        id=f"{name}-{height}p",
        queue="video",
        task="media.video.transcode",
        args=(source, height),
        makes=f"out/video/{source}.{height}p.mp4",
        damaged=damaged,
    )


def _notice(clip: Order) -> Order:
    source, height = clip.args
    key = f"ready:{clip.id}"
    text = f"Your clip {source} is ready at {height} lines: {clip.makes}\n"
    return Order(
        id=f"mail-of-{clip.id}",
        queue="email",
        task="media.email.send_notice",
        args=("studio@mail.example", f"Ready: {clip.id}", text, key),
        makes=_mail_id(f"notice:{key}"),
        after=clip.id,
    )


def _reminder() -> Order:
    key = f"reminder:{MONTH}"
    text = "The statements of the month are on their way. Is anybody waiting for one?\n"
    return Order(
        id="reminder",
        queue="email",
        task="media.email.send_notice",
        args=("office@mail.example", f"Statements of {MONTH}", text, key),
        makes=_mail_id(f"notice:{key}"),
        countdown_seconds=REMINDER_SECONDS,
    )


def _scan(pdf: str, *, damaged: bool = False) -> Order:
    name = pdf.removeprefix("documents/")
    return Order(
        name, "documents", "media.documents.classify", (pdf,), f"{pdf}.json", damaged=damaged
    )


def _mail_id(key: str) -> str:
    return message_id(key, SENDER).strip("<>")


def waves(ordered: list[Order]) -> Iterator[tuple[float, list[Order]]]:
    """Yield the waves, each with when it is sent, as a share of the time."""
    sent = 0
    for at, share in _WAVES:
        upto = round(share * len(ordered))
        yield at, ordered[sent:upto]
        sent = upto


def mixed(ordered: list[Order]) -> list[Order]:
    """Return the orders with each queue's spread evenly over the whole."""
    places = []
    for queue in QUEUES:
        own = [order for order in ordered if order.queue == queue]
        places += [((place + 0.5) / len(own), order) for place, order in enumerate(own)]
    return [order for _, order in sorted(places, key=lambda placed: placed[0])]
