"""What stands around a statement's pages: letterhead, running head, foot with page numbers."""

from typing import Any

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from media.customers import BANK
from media.ledger import Ledger, period
from media.style import ACCENT, INK, MARGIN, MUTED, spaced_account

_WIDTH, _HEIGHT = A4


class NumberedCanvas(Canvas):  # type: ignore[misc]
    """A canvas that knows how many pages there are when it writes `Page 1 of 4`.

    Pages are kept until the last one is known, and only then given their foot.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._kept: list[dict[str, Any]] = []

    def showPage(self) -> None:  # noqa: N802 (reportlab's name)
        """Keep the page, and begin another."""
        self._kept.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        """Write all pages that were kept, each with its foot."""
        for page in self._kept:
            self.__dict__.update(page)
            _foot(self, self._pageNumber, len(self._kept))
            super().showPage()
        super().save()


def draw_letterhead(canvas: Canvas, ledger: Ledger) -> None:
    """Draw the first page's head: the bank, the customer, account, period; 71 mm deep."""
    top = _HEIGHT - 28 * mm
    canvas.setFillColor(INK)
    canvas.rect(0, top, _WIDTH, 28 * mm, stroke=0, fill=1)
    canvas.setFillColor(ACCENT)
    canvas.rect(0, top - 1.2 * mm, _WIDTH, 1.2 * mm, stroke=0, fill=1)
    _mark(canvas, MARGIN + 5 * mm, top + 14 * mm)
    canvas.setFillColorRGB(1, 1, 1)
    canvas.setFont("Helvetica-Bold", 17)
    canvas.drawString(MARGIN + 14 * mm, top + 12 * mm, BANK)
    canvas.setFont("Helvetica", 11)
    canvas.drawRightString(_WIDTH - MARGIN, top + 12.5 * mm, "Statement of account")
    y = top - 14 * mm
    canvas.setFillColor(INK)
    canvas.setFont("Helvetica-Bold", 10.5)
    canvas.drawString(MARGIN, y, ledger.owner.name)
    canvas.setFont("Helvetica", 10)
    for number, line in enumerate(ledger.owner.address, start=1):
        canvas.drawString(MARGIN, y - number * 5 * mm, line)
    facts = (
        ("Account number", spaced_account(ledger.owner.account)),
        ("Statement period", period(ledger)),
        ("Customer number", f"{ledger.owner.user_id:09}"),
    )
    for number, (label, value) in enumerate(facts):
        canvas.setFont("Helvetica", 9)
        canvas.setFillColor(MUTED)
        canvas.drawString(MARGIN + 88 * mm, y - number * 6 * mm, label)
        canvas.setFillColor(INK)
        canvas.setFont("Helvetica-Bold", 9)
        canvas.drawRightString(_WIDTH - MARGIN, y - number * 6 * mm, value)


def draw_running_head(canvas: Canvas, ledger: Ledger) -> None:
    """Draw the head of the pages after the first, 30 mm deep."""
    y = _HEIGHT - 17 * mm
    _mark(canvas, MARGIN + 3 * mm, y + 1.2 * mm, size=0.55)
    canvas.setFillColor(INK)
    canvas.setFont("Helvetica-Bold", 10)
    canvas.drawString(MARGIN + 8.5 * mm, y, BANK)
    canvas.setFont("Helvetica", 9)
    canvas.setFillColor(MUTED)
    account = spaced_account(ledger.owner.account)
    canvas.drawRightString(_WIDTH - MARGIN, y, f"{account}   {period(ledger)}")
    canvas.setStrokeColor(ACCENT)
    canvas.setLineWidth(1)
    canvas.line(MARGIN, y - 4 * mm, _WIDTH - MARGIN, y - 4 * mm)


def _mark(canvas: Canvas, x: float, y: float, size: float = 1.0) -> None:
    """Draw the bank's mark, a sun over a meridian, around (x, y)."""
    radius = 5 * mm * size
    canvas.setFillColor(ACCENT)
    canvas.circle(x, y, radius, stroke=0, fill=1)
    canvas.setStrokeColorRGB(1, 1, 1)
    canvas.setLineWidth(1.1 * size)
    canvas.ellipse(x - radius * 0.45, y - radius, x + radius * 0.45, y + radius)
    canvas.line(x - radius, y, x + radius, y)


def _foot(canvas: Canvas, page: int, pages: int) -> None:
    canvas.setFont("Helvetica", 7.5)
    canvas.setFillColor(MUTED)
    line = f"{BANK} plc, 1 Meridian Quay, Dublin 1. An invented bank: no deposits are taken."
    canvas.drawString(MARGIN, 12 * mm, line)
    canvas.drawRightString(_WIDTH - MARGIN, 12 * mm, f"Page {page} of {pages}")
