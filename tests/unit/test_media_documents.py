import json
import re
import string
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from media.customers import customer
from media.documents import classify_document, extract_pages
from media.errors import InputError
from media.ledger import make_ledger, parse_month
from media.letters import write_invoice, write_letter
from media.settings import read_settings
from media.statement import write_statement
from media.templates import UNCLASSIFIED, Field, classify, load_templates
from pypdf import PdfWriter

TEMPLATES = load_templates()
# A busy machine is not a failure.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
PAYSLIP = """Payslip
Employee: Ann Byrne
Gross pay 4,000.00
PAYE 800.00
Net pay: €3,200.00
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MEDIA_ROOT", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(("user_id", "month"), [(3, "2026-03"), (250, "2024-02")])
def test_a_statement_is_told_and_its_fields_are_read(root: Path, user_id: int, month: str) -> None:
    ledger = make_ledger(customer(user_id), parse_month(month))
    write_statement(ledger, root / "a.pdf")
    result = classify_document(read_settings(), "a.pdf")
    assert result["kind"] == "bank_statement"
    assert result["confidence"] == 1.0
    last = ledger.last_day
    assert result["fields"] == {
        "account_number": ledger.owner.account,
        "period": f"1 {last:%B %Y} to {last.day} {last:%B %Y}",
        "opening_cents": ledger.opening_cents,
        "total_in_cents": ledger.in_cents,
        "total_out_cents": ledger.out_cents,
        "closing_cents": ledger.closing_cents,
    }
    assert json.loads((root / "a.pdf.json").read_text()) == result
    assert {path.name for path in root.iterdir()} == {"a.pdf", "a.pdf.json"}


def test_an_invoice_and_a_letter(root: Path) -> None:
    write_invoice(root / "invoice.pdf", 4)
    write_letter(root / "letter.pdf", 4)
    invoice = classify_document(read_settings(), "invoice.pdf")
    letter = classify_document(read_settings(), "letter.pdf")
    assert invoice["kind"] == "invoice"
    assert invoice["fields"].keys() == {"number", "date", "total_cents"}
    assert invoice["fields"]["number"] == "INV-2026-0004"
    assert (letter["kind"], letter["fields"]) == (UNCLASSIFIED, {})


def test_a_template_needs_all_required_words_and_its_threshold() -> None:
    whole = classify(PAYSLIP, TEMPLATES)
    assert (whole.kind, whole.confidence) == ("payslip", 1.0)
    assert whole.fields == {"employee": "Ann Byrne", "net_cents": 320_000}
    # five of six parts: enough; the field that is not there is not made up
    one_less = classify(PAYSLIP.replace("PAYE", "Tax"), TEMPLATES)
    assert (one_less.kind, one_less.confidence) == ("payslip", 0.833)
    # three of six: below 0.7, though all required words are there
    too_few = classify("Payslip. Net pay: 3,200.00", TEMPLATES)
    assert (too_few.kind, too_few.confidence, too_few.fields) == (UNCLASSIFIED, 0.5, {})
    # five of six, but one of them required
    lacking = classify(PAYSLIP.replace("Payslip", "Slip"), TEMPLATES)
    assert (lacking.kind, lacking.confidence) == (UNCLASSIFIED, 0.0)


@pytest.mark.parametrize(
    ("form", "text", "value"),
    [
        ("cents", "1,234.50", 123_450),
        ("cents", "-0.05", -5),
        ("cents", "none", None),
        ("cents", "1-2", None),
        ("compact", "IE29 AIBK\n9311", "IE29AIBK9311"),
        ("text", " 1 March\n  2026 ", "1 March 2026"),
    ],
)
def test_the_forms_of_a_field(form: str, text: str, value: str | int | None) -> None:
    assert Field("name", re.compile(r"<([^>]*)>"), form).read(f"a <{text}> b") == value
    assert Field("name", re.compile(r"<([^>]*)>"), form).read(text) is None


words = st.sampled_from(
    [word for template in TEMPLATES for word in template.required]
    + ["€1,234.50", "€,,.00", "account number IE29 AIBK 9311", "net pay -", "\n", " " * 50]
)


@unhurried
@given(st.lists(words | st.text(max_size=30)).map(" ".join))
def test_any_text_has_a_classification(text: str) -> None:
    found = classify(text, TEMPLATES)
    assert found.kind in {UNCLASSIFIED, *(template.kind for template in TEMPLATES)}
    assert 0.0 <= found.confidence <= 1.0
    json.dumps(found.fields)


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "unit", ["IE29 ", "1", " ", "invoice no ", "net pay: \n", "opening balance"]
)
def test_hostile_repetition_takes_no_longer_than_reading(unit: str) -> None:
    lead = (
        "statement of account opening balance closing balance invoice amount due payslip net pay "
    )
    assert classify(lead + "account number " + unit * 60_000, TEMPLATES) is not None


def test_what_is_not_a_pdf_is_a_clear_error(root: Path) -> None:
    (root / "a.pdf").write_text("plain text\n" * 50)
    with pytest.raises(InputError) as refused:
        classify_document(read_settings(), "a.pdf")
    assert str(refused.value) == (
        "pdf: a.pdf: expected a PDF that can be read, got a file that does not begin like one; "
        "open it in a viewer, and save it again without a password"
    )
    assert not (root / "a.pdf.json").exists()


@pytest.mark.parametrize("path", ["../a.pdf", "nothing.pdf", "", None, 4])
def test_a_path_that_leads_nowhere_is_refused(root: Path, path: object) -> None:
    with pytest.raises(InputError, match=r"^pdf"):
        classify_document(read_settings(), path)


def test_a_locked_pdf_and_one_with_too_many_pages(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_invoice(root / "plain.pdf", 1)
    locked = PdfWriter(clone_from=root / "plain.pdf")
    locked.encrypt("secret", algorithm="RC4-128")
    locked.write(root / "locked.pdf")
    with pytest.raises(InputError, match="got one locked with a password"):
        classify_document(read_settings(), "locked.pdf")
    many = PdfWriter()
    for _ in range(4):
        many.add_blank_page(100, 100)
    many.write(root / "many.pdf")
    assert classify_document(read_settings(), "many.pdf")["kind"] == UNCLASSIFIED
    monkeypatch.setenv("MEDIA_MAX_DOCUMENT_PAGES", "3")
    with pytest.raises(InputError, match="expected at most 3 pages, got 4; split"):
        classify_document(read_settings(), "many.pdf")


@pytest.fixture(scope="module")
def invoice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("damaged") / "invoice.pdf"
    write_invoice(path, 1)
    return path


@settings(unhurried, max_examples=150)
@given(
    at=st.floats(0, 1, exclude_max=True),
    length=st.integers(0, 200),
    junk=st.binary(max_size=60) | st.text(string.printable, max_size=60).map(str.encode),
)
def test_a_damaged_pdf_is_read_or_refused_and_nothing_else(
    invoice: Path, at: float, length: int, junk: bytes
) -> None:
    whole = invoice.read_bytes()
    start = int(at * len(whole))
    damaged = invoice.with_name("damaged.pdf")
    damaged.write_bytes(whole[:start] + junk + whole[start + length :])
    refused = None
    try:
        pages = extract_pages(damaged, max_pages=10)
    except InputError as error:
        refused, pages = str(error), []
    assert all(isinstance(page, str) for page in pages)
    assert refused is None or refused.startswith("pdf: damaged.pdf: expected ")
