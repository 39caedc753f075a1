"""The parts of a statement: its figures, the chart, the categories, the table."""

from itertools import pairwise

from reportlab.lib.units import mm
from reportlab.platypus import Flowable, Table, TableStyle

from media.ledger import Ledger, euros
from media.style import ACCENT, INK, LINE, MUTED, OUT, WASH


class Figures(Flowable):  # type: ignore[misc]
    """Four figures in a row: opening balance, money in, money out, closing balance."""

    def __init__(self, ledger: Ledger, width: float) -> None:
        super().__init__()
        self.width, self.height = width, 19 * mm
        self._figures = (
            ("Opening balance", ledger.opening_cents, INK),
            ("Total money in", ledger.in_cents, ACCENT),
            ("Total money out", ledger.out_cents, OUT),
            ("Closing balance", ledger.closing_cents, INK),
        )

    def draw(self) -> None:
        """Draw the four boxes, left to right."""
        canvas, gap = self.canv, 4 * mm
        width = (self.width - 3 * gap) / 4
        for number, (label, cents, colour) in enumerate(self._figures):
            x = number * (width + gap)
            canvas.setFillColor(WASH)
            canvas.roundRect(x, 0, width, self.height, 2 * mm, stroke=0, fill=1)
            canvas.setFillColor(colour)
            canvas.rect(x + 4 * mm, 3.2 * mm, 9 * mm, 0.7 * mm, stroke=0, fill=1)
            canvas.setFillColor(MUTED)
            canvas.setFont("Helvetica", 8.5)
            canvas.drawString(x + 4 * mm, self.height - 6 * mm, label)
            canvas.setFillColor(colour)
            canvas.setFont("Helvetica-Bold", 13)
            canvas.drawString(x + 4 * mm, self.height - 12.5 * mm, f"€{euros(cents)}")


class BalanceChart(Flowable):  # type: ignore[misc]
    """The balance at the end of each day, as steps over the days of the month."""

    def __init__(self, ledger: Ledger, width: float) -> None:
        super().__init__()
        self.width, self.height = width, 52 * mm
        self._ends = ledger.day_ends_cents()
        self._opening = ledger.opening_cents

    def draw(self) -> None:
        """Draw the grid, the area below the balance, and its line."""
        canvas = self.canv
        left, bottom = 15 * mm, 6 * mm
        ticks = ticks_cents([self._opening, *self._ends])
        day_width = (self.width - left) / len(self._ends)

        def height_of(cents: int) -> float:
            share = (cents - ticks[0]) / (ticks[-1] - ticks[0])
            return float(bottom + share * (self.height - bottom - 2 * mm))

        canvas.setFont("Helvetica", 7.5)
        for tick in ticks:
            canvas.setStrokeColor(MUTED if tick == 0 else LINE)
            canvas.setLineWidth(0.5)
            canvas.line(left, height_of(tick), self.width, height_of(tick))
            canvas.setFillColor(MUTED)
            canvas.drawRightString(left - 2 * mm, height_of(tick) - 2.5, f"{tick // 100:,}")
        corners = [(left, height_of(self._opening))]
        for number, cents in enumerate(self._ends):
            x, y = left + number * day_width, height_of(cents)
            corners += [(x, y), (x + day_width, y)]
            if number == 0 or (number + 1) % 5 == 0:
                canvas.drawCentredString(x + day_width / 2, 1 * mm, str(number + 1))
        area = canvas.beginPath()
        area.moveTo(left, height_of(0))
        for x, y in corners:
            area.lineTo(x, y)
        area.lineTo(self.width, height_of(0))
        area.close()
        canvas.setFillColor(ACCENT, alpha=0.16)
        canvas.drawPath(area, stroke=0, fill=1)
        canvas.setFillAlpha(1)
        canvas.setStrokeColor(ACCENT)
        canvas.setLineWidth(1.4)
        canvas.setLineJoin(1)
        canvas.setLineCap(1)
        canvas.lines([(*start, *end) for start, end in pairwise(corners)])


def ticks_cents(values_cents: list[int]) -> list[int]:
    """Return three to seven round amounts, evenly spaced, that enclose the values and zero."""
    lowest, highest = min(0, *values_cents), max(100, *values_cents)
    step = next(
        step
        for power in range(2, 20)
        for step in (10**power, 2 * 10**power, 5 * 10**power)
        if -(-highest // step) - lowest // step <= 6
    )
    return list(range(lowest // step * step, -(-highest // step) * step + 1, step))


class CategoryBars(Flowable):  # type: ignore[misc]
    """Each category's total with a bar, what went out first."""

    _ROW = 6.3 * mm

    def __init__(self, ledger: Ledger, width: float) -> None:
        super().__init__()
        self._categories = ledger.categories_cents()
        self.width, self.height = width, self._ROW * len(self._categories)

    def draw(self) -> None:
        """Draw a row a category."""
        canvas, bars = self.canv, self.width - 56 * mm
        longest = max(abs(cents) for _, cents in self._categories)
        for number, (name, cents) in enumerate(self._categories):
            y = self.height - (number + 1) * self._ROW + 2 * mm
            canvas.setFont("Helvetica", 9)
            canvas.setFillColor(INK)
            canvas.drawString(0, y, name)
            canvas.setFillColor(WASH)
            canvas.roundRect(32 * mm, y - 0.6 * mm, bars, 3.4 * mm, 1.2 * mm, stroke=0, fill=1)
            canvas.setFillColor(OUT if cents < 0 else ACCENT)
            length = max(2.4 * mm, bars * abs(cents) / longest)
            canvas.roundRect(32 * mm, y - 0.6 * mm, length, 3.4 * mm, 1.2 * mm, stroke=0, fill=1)
            canvas.setFillColor(INK)
            canvas.setFont("Helvetica-Bold", 9)
            canvas.drawRightString(self.width, y, euros(cents))


def transaction_table(ledger: Ledger, width: float) -> Table:
    """Return the table of all transactions, its head repeated on every page."""
    rows = [["Date", "Description", "Category", "Money out", "Money in", "Balance"]]
    rows.append(["", "Balance brought forward", "", "", "", euros(ledger.opening_cents)])
    for entry, balance in zip(ledger.transactions, ledger.balances_cents(), strict=True):
        out = euros(-entry.amount_cents) if entry.amount_cents < 0 else ""
        came_in = euros(entry.amount_cents) if entry.amount_cents > 0 else ""
        date = f"{entry.day:%d %b}"
        rows.append([date, entry.description, entry.category, out, came_in, euros(balance)])
    totals = [euros(ledger.out_cents), euros(ledger.in_cents), euros(ledger.closing_cents)]
    rows.append(["", "Totals and closing balance", "", *totals])
    widths = [17 * mm, width - 117 * mm, 25 * mm, 25 * mm, 25 * mm, 25 * mm]
    return Table(rows, colWidths=widths, rowHeights=6.1 * mm, repeatRows=1, style=_table_style())


def _table_style() -> TableStyle:
    return TableStyle(
        [
            ("FONT", (0, 0), (-1, -1), "Helvetica", 8.5),
            ("FONT", (0, 0), (-1, 0), "Helvetica-Bold", 8.5),
            ("FONT", (0, 1), (-1, 1), "Helvetica-Bold", 8.5),
            ("FONT", (0, -1), (-1, -1), "Helvetica-Bold", 8.5),
            ("TEXTCOLOR", (0, 0), (-1, -1), INK),
            ("TEXTCOLOR", (0, 0), (-1, 0), "white"),
            ("TEXTCOLOR", (0, 1), (0, -1), MUTED),
            ("TEXTCOLOR", (2, 1), (2, -1), MUTED),
            ("TEXTCOLOR", (4, 1), (4, -2), ACCENT),
            ("BACKGROUND", (0, 0), (-1, 0), INK),
            ("ROWBACKGROUNDS", (0, 1), (-1, -2), ["white", WASH]),
            ("BACKGROUND", (0, -1), (-1, -1), LINE),
            ("LINEABOVE", (0, -1), (-1, -1), 1, INK),
            ("ALIGN", (3, 0), (-1, -1), "RIGHT"),
            ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
            ("LEFTPADDING", (0, 0), (-1, -1), 5),
            ("RIGHTPADDING", (0, 0), (-1, -1), 5),
        ]
    )
