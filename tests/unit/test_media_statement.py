import datetime as dt
import hashlib
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from media.customers import MAX_USER_ID, customer, iban
from media.errors import InputError
from media.ledger import euros, make_ledger, parse_month
from media.settings import read_settings
from media.statement import make_statement
from media.statement_parts import ticks_cents
from pypdf import PdfReader

ROOT = Path(__file__).parents[2]
# A busy machine is not a failure.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
users = st.integers(1, MAX_USER_ID)
months = st.dates(dt.date(2000, 1, 1), dt.date(2099, 11, 30)).map(lambda day: day.replace(day=1))


@unhurried
@given(users, months)
def test_a_ledger_adds_up(user_id: int, month: dt.date) -> None:
    ledger = make_ledger(customer(user_id), month)
    amounts = [entry.amount_cents for entry in ledger.transactions]
    assert ledger.closing_cents == ledger.opening_cents + sum(amounts)
    assert ledger.in_cents - ledger.out_cents == sum(amounts)
    assert sum(cents for _, cents in ledger.categories_cents()) == sum(amounts)
    assert ledger.balances_cents()[-1] == ledger.day_ends_cents()[-1] == ledger.closing_cents
    assert len(ledger.day_ends_cents()) == ledger.last_day.day
    assert 0 not in amounts
    days = [entry.day for entry in ledger.transactions]
    assert days == sorted(days)
    assert month == ledger.first_day <= days[0]
    assert days[-1] <= ledger.last_day
    assert ledger.last_day + dt.timedelta(days=1) == (month + dt.timedelta(days=31)).replace(day=1)


@unhurried
@given(users, months)
def test_a_month_opens_with_what_the_one_before_closed_with(user_id: int, month: dt.date) -> None:
    ledger = make_ledger(customer(user_id), month)
    following = make_ledger(customer(user_id), ledger.last_day + dt.timedelta(days=1))
    assert following.opening_cents == ledger.closing_cents
    assert following.transactions != ledger.transactions


@unhurried
@given(users)
def test_account_numbers_have_the_check_digits_of_an_iban(user_id: int) -> None:
    account = customer(user_id).account
    assert len(account) == 22
    moved = account[4:] + account[:4]
    assert int("".join(str(int(sign, 36)) for sign in moved)) % 97 == 1


def test_the_iban_of_a_known_account() -> None:
    # The example of Ireland in SWIFT's IBAN registry.
    assert iban("AIBK93115212345678") == "IE29AIBK93115212345678"


@unhurried
@given(st.lists(st.integers(-(10**9), 10**9), min_size=1))
def test_ticks_are_even_round_and_enclose_the_values_and_zero(values: list[int]) -> None:
    ticks = ticks_cents(values)
    assert 2 <= len(ticks) <= 7
    assert ticks[0] <= min(0, *values)
    assert ticks[-1] >= max(0, *values)
    assert 0 in ticks
    (step,) = {after - before for before, after in pairwise(ticks)}
    assert str(step).rstrip("0") in {"1", "2", "5"}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MEDIA_ROOT", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(("user_id", "month"), [(1, "2026-03"), (42, "2024-02"), (777, "2025-12")])
def test_the_pdf_says_what_the_ledger_holds(root: Path, user_id: int, month: str) -> None:
    result = make_statement(read_settings(), user_id, month)
    ledger = make_ledger(customer(user_id), parse_month(month))
    pages = [page.extract_text() for page in PdfReader(root / result["pdf"]).pages]
    text = "\n".join(pages)
    assert result["pages"] == len(pages) >= 3
    for number, page in enumerate(pages, start=1):
        assert f"Page {number} of {len(pages)}" in page
        assert "Meridian Savings Bank" in page
    assert f"Opening balance\n€{euros(ledger.opening_cents)}" in text
    assert f"Closing balance\n€{euros(result['closing_cents'])}" in text
    assert f"Total money in\n€{euros(result['in_cents'])}" in text
    assert f"Total money out\n€{euros(result['out_cents'])}" in text
    for category, cents in ledger.categories_cents():
        assert f"{category}\n{euros(cents)}" in text
    balances = ledger.balances_cents()
    for entry, balance in zip(ledger.transactions, balances, strict=True):
        line = f"{entry.description}\n{entry.category}\n{euros(abs(entry.amount_cents))}"
        assert f"{entry.day:%d %b}\n{line}\n{euros(balance)}" in text
    for page in pages[1:]:  # the table's head on each of its pages
        assert "Date\nDescription\nCategory\nMoney out\nMoney in\nBalance" in page


def test_the_same_statement_has_the_same_bytes_in_another_process(root: Path) -> None:
    result = make_statement(read_settings(), 5, "2026-03")
    ours = hashlib.sha256((root / result["pdf"]).read_bytes()).hexdigest()
    program = (
        "import hashlib, pathlib, sys\n"
        "from media.settings import read_settings\n"
        "from media.statement import make_statement\n"
        "root = pathlib.Path(sys.argv[1])\n"
        "result = make_statement(read_settings({'MEDIA_ROOT': str(root)}), 5, '2026-03')\n"
        "print(hashlib.sha256((root / result['pdf']).read_bytes()).hexdigest())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(root / "other")],
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'examples/media'}", "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == ours


@settings(unhurried, max_examples=15)
@given(users, months)
def test_any_statement_can_be_drawn(
    tmp_path_factory: pytest.TempPathFactory, user_id: int, month: dt.date
) -> None:
    where = read_settings({"MEDIA_ROOT": str(tmp_path_factory.getbasetemp())})
    result = make_statement(where, user_id, f"{month:%Y-%m}")
    assert len(PdfReader(where.root / str(result["pdf"])).pages) == result["pages"]


@pytest.mark.parametrize("user_id", [0, -1, 10**9 + 1, "1", 1.0, True, None])
def test_a_user_that_cannot_be_is_refused(root: Path, user_id: object) -> None:
    with pytest.raises(InputError, match=r"^user_id: expected a whole number from 1 to 1000000000"):
        make_statement(read_settings(), user_id, "2026-03")


@pytest.mark.parametrize(
    "month",
    ["2026-13", "2026-00", "26-03", "2026-3", "1999-12", "2026-03-01", "../..", "", 3, None],
)
def test_a_month_that_cannot_be_is_refused(root: Path, month: object) -> None:
    with pytest.raises(InputError, match=r"^month: expected a month as YYYY-MM"):
        make_statement(read_settings(), 1, month)
    assert not (root / "out").exists()


@pytest.mark.parametrize(
    ("cents", "text"), [(0, "0.00"), (5, "0.05"), (-5, "-0.05"), (123456789, "1,234,567.89")]
)
def test_amounts_as_they_are_printed(cents: int, text: str) -> None:
    assert euros(cents) == text
