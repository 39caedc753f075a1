"""Sample documents to classify: invoices, and letters that are of no known kind."""

import random
from pathlib import Path

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from media.files import whole_file
from media.ledger import euros
from media.style import ACCENT, INK, MARGIN, MUTED

_ITEMS = ("Colour grading", "Editing", "Sound mix", "Storage", "Studio day", "Subtitles")


def write_invoice(target: Path, number: int) -> None:
    """Write invoice `number` (from 0), the same bytes each time."""
    rng = random.Random(f"invoice:{number}")
    lines = [(item, rng.randint(40, 900) * 100) for item in rng.sample(_ITEMS, 4)]
    net_cents = sum(cents for _, cents in lines)
    tax_cents = net_cents * 23 // 100
    rows = [
        *lines,
        ("Net amount", net_cents),
        ("VAT 23%", tax_cents),
        ("Amount due", net_cents + tax_cents),
    ]
    with whole_file(target) as part:
        canvas = _page(part, "Invoice")
        canvas.drawString(MARGIN, 245 * mm, f"Invoice number: INV-2026-{number:04}")
        canvas.drawString(MARGIN, 239 * mm, f"Invoice date: {1 + number % 28:02}.03.2026")
        for position, (label, cents) in enumerate(rows):
            y = (220 - 8 * position) * mm
            canvas.drawString(MARGIN, y, label)
            canvas.drawRightString(A4[0] - MARGIN, y, f"€{euros(cents)}")
            canvas.line(MARGIN, y - 2 * mm, A4[0] - MARGIN, y - 2 * mm)
        canvas.save()


def write_letter(target: Path, number: int) -> None:
    """Write letter `number` (from 0), the same bytes each time."""
    rng = random.Random(f"letter:{number}")
    day = rng.choice(("Monday", "Tuesday", "Friday"))
    lines = (
        "Dear colleagues,",
        f"the screening of the spring reel is moved to {day}, in the small room.",
        "Bring your notes, and somebody please bring the cake back.",
    )
    with whole_file(target) as part:
        canvas = _page(part, "A note")
        for position, line in enumerate(lines):
            canvas.drawString(MARGIN, (235 - 9 * position) * mm, line)
        canvas.save()


def _page(target: Path, title: str) -> Canvas:
    canvas = Canvas(str(target), pagesize=A4, invariant=1)
    canvas.setTitle(title)
    canvas.setFillColor(INK)
    canvas.setFont("Helvetica-Bold", 20)
    canvas.drawString(MARGIN, 268 * mm, title)
    canvas.setStrokeColor(ACCENT)
    canvas.setFillColor(MUTED)
    canvas.setFont("Helvetica", 9)
    canvas.drawString(MARGIN, 261 * mm, "Northlight Studios, 4 Harbour Road, Galway")
    canvas.setFillColor(INK)
    canvas.setFont("Helvetica", 11)
    return canvas
