"""The look the service's documents share: colours, margins, paragraph styles."""

from reportlab.lib.colors import HexColor
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm

INK = HexColor("#14304f")
ACCENT = HexColor("#1b998b")
OUT = HexColor("#c8553d")
MUTED = HexColor("#6b7a8c")
LINE = HexColor("#d9e0e8")
WASH = HexColor("#f4f7fa")
MARGIN = 16 * mm
SECTION = ParagraphStyle(
    "section", fontName="Helvetica-Bold", fontSize=11.5, leading=14, textColor=INK, spaceAfter=6
)
NOTE = ParagraphStyle("note", fontName="Helvetica", fontSize=8, leading=11, textColor=MUTED)


def spaced_account(account: str) -> str:
    """Return an IBAN as it is printed, in groups of four."""
    return " ".join(account[start : start + 4] for start in range(0, len(account), 4))
