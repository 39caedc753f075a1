"""A month's account statement as PDF."""

from pathlib import Path

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Frame,
    NextPageTemplate,
    PageBreak,
    PageTemplate,
    Paragraph,
    Spacer,
)

from media.customers import BANK, customer
from media.files import whole_file
from media.ledger import Ledger, make_ledger, parse_month, period
from media.settings import Settings
from media.statement_parts import BalanceChart, CategoryBars, Figures, transaction_table
from media.stationery import NumberedCanvas, draw_letterhead, draw_running_head
from media.style import MARGIN, NOTE, SECTION

_WIDTH, _HEIGHT = A4


def make_statement(settings: Settings, user_id: object, month: object) -> dict[str, object]:
    """Write the statement of `user_id` for `month` (YYYY-MM) below `out/statements`.

    The same bytes each time. Returns the JSON of the task's result, amounts in cents. Raises
    InputError.
    """
    ledger = make_ledger(customer(user_id), parse_month(month))
    target = settings.out / "statements" / str(month) / f"statement-{user_id}-{month}.pdf"
    with whole_file(target) as part:
        pages = write_statement(ledger, part)
    return {
        "pdf": settings.relative(target),
        "user_id": user_id,
        "month": month,
        "account": ledger.owner.account,
        "opening_cents": ledger.opening_cents,
        "in_cents": ledger.in_cents,
        "out_cents": ledger.out_cents,
        "closing_cents": ledger.closing_cents,
        "transactions": len(ledger.transactions),
        "pages": pages,
    }


def write_statement(ledger: Ledger, target: Path) -> int:
    """Write the ledger's statement to `target` and return how many pages it has."""
    frame_width = _WIDTH - 2 * MARGIN
    first = Frame(MARGIN, 22 * mm, frame_width, _HEIGHT - 93 * mm, 0, 0, 0, 0)
    later = Frame(MARGIN, 22 * mm, frame_width, _HEIGHT - 52 * mm, 0, 0, 0, 0)

    def draw_first(canvas: Canvas, _: BaseDocTemplate) -> None:
        draw_letterhead(canvas, ledger)

    def draw_later(canvas: Canvas, _: BaseDocTemplate) -> None:
        draw_running_head(canvas, ledger)

    document = BaseDocTemplate(
        str(target),
        pagesize=A4,
        pageTemplates=[
            PageTemplate("first", [first], onPage=draw_first),
            PageTemplate("later", [later], onPage=draw_later),
        ],
        title=f"Statement of account, {period(ledger)}",
        author=BANK,
        # No time of day and no random identifier in the file.
        invariant=1,
    )
    document.build(
        [
            NextPageTemplate("later"),
            Figures(ledger, frame_width),
            Spacer(0, 7 * mm),
            Paragraph("Balance over the month", SECTION),
            BalanceChart(ledger, frame_width),
            Spacer(0, 6 * mm),
            Paragraph("Totals by category", SECTION),
            CategoryBars(ledger, frame_width),
            PageBreak(),
            transaction_table(ledger, frame_width),
            Spacer(0, 5 * mm),
            Paragraph(
                "Please check your statement and tell us within 13 months of anything you did "
                "not authorise. Amounts are in euro. This bank, its customers and their "
                "spending are invented.",
                NOTE,
            ),
        ],
        canvasmaker=NumberedCanvas,
    )
    return int(document.page)
