"""A month of a customer's account: transactions that are made up, but add up."""

import calendar
import datetime as dt
import random
import re
from collections import Counter
from dataclasses import dataclass

from media.catalogue import HABITS, REGULARS
from media.customers import Customer
from media.errors import InputError


@dataclass(frozen=True)
class Transaction:
    """One line of the account. `amount_cents` is negative where money leaves it."""

    day: dt.date
    description: str
    category: str
    amount_cents: int


@dataclass(frozen=True)
class Ledger:
    """A month of one account, its transactions ordered by day. All amounts in cents of a euro."""

    owner: Customer
    first_day: dt.date
    last_day: dt.date
    opening_cents: int
    transactions: tuple[Transaction, ...]

    @property
    def in_cents(self) -> int:
        """What came in, 0 or more."""
        return sum(t.amount_cents for t in self.transactions if t.amount_cents > 0)

    @property
    def out_cents(self) -> int:
        """What went out, 0 or more."""
        return -sum(t.amount_cents for t in self.transactions if t.amount_cents < 0)

    @property
    def closing_cents(self) -> int:
        """The balance at the end of the last day."""
        return self.opening_cents + self.in_cents - self.out_cents

    def balances_cents(self) -> list[int]:
        """Return the balance after each transaction, in their order."""
        balances, balance = [], self.opening_cents
        for transaction in self.transactions:
            balance += transaction.amount_cents
            balances.append(balance)
        return balances

    def day_ends_cents(self) -> list[int]:
        """Return the balance at the end of each day of the month, the first day's first."""
        moved = Counter[int]()
        for transaction in self.transactions:
            moved[transaction.day.day] += transaction.amount_cents
        balance, ends = self.opening_cents, []
        for day in range(1, self.last_day.day + 1):
            balance += moved[day]
            ends.append(balance)
        return ends

    def categories_cents(self) -> list[tuple[str, int]]:
        """Return each category's sum, the largest outgoing first, then what came in."""
        sums = Counter[str]()
        for transaction in self.transactions:
            sums[transaction.category] += transaction.amount_cents
        return sorted(sums.items(), key=lambda item: (item[1], item[0]))


def parse_month(month: object) -> dt.date:
    """Return the first day of a month written `2026-03`, from 2000 to 2099. Raises InputError."""
    if not isinstance(month, str) or re.fullmatch(r"20[0-9]{2}-(0[1-9]|1[0-2])", month) is None:
        raise InputError.at(
            "month",
            expected="a month as YYYY-MM, from 2000-01 to 2099-12",
            got=repr(month),
            remedy="write March 2026 as 2026-03",
        )
    return dt.date.fromisoformat(f"{month}-01")


def make_ledger(owner: Customer, first_day: dt.date) -> Ledger:
    """Return the month that begins on `first_day`: the same one for the same customer each time.

    A month's closing balance is the next month's opening balance.
    """
    last_day = first_day.replace(day=calendar.monthrange(first_day.year, first_day.month)[1])
    rng = random.Random(f"ledger:{owner.user_id}:{first_day}")
    pay = owner.monthly_pay_cents
    pay_day = first_day + dt.timedelta(days={5: 2, 6: 1}.get(first_day.weekday(), 0))
    entries = [Transaction(pay_day, f"{owner.employer}, salary", "Income", pay)]
    for regular in REGULARS:
        cents = round(pay * regular.share * rng.uniform(0.97, 1.03))
        day = first_day.replace(day=regular.day)
        entries.append(Transaction(day, regular.payee, regular.category, -cents))
    for habit in HABITS:
        count = rng.randint(habit.least, habit.most)
        weights = [rng.uniform(0.3, 1.7) for _ in range(count)]
        for weight in weights:
            cents = max(100, round(pay * habit.share * weight / sum(weights)))
            day = first_day.replace(day=rng.randint(1, last_day.day))
            payee = f"{rng.choice(habit.payees)}, card {owner.card}"
            entries.append(Transaction(day, payee, habit.category, -cents))
    for _ in range(rng.randint(0, 2)):
        day = first_day.replace(day=rng.randint(6, last_day.day))
        cents = rng.randint(8, 90) * 100
        entries.append(Transaction(day, "Transfer from a friend", "Transfers", cents))
    opening = _carried_cents(owner, first_day)
    closing = _carried_cents(owner, last_day + dt.timedelta(days=1))
    entries.sort(key=lambda entry: entry.day)
    # The month ends with the standing order that brings the balance to what the next opens with.
    sweep = closing - opening - sum(entry.amount_cents for entry in entries)
    if sweep != 0:
        text = "From savings account" if sweep > 0 else "To savings account"
        entries.append(Transaction(last_day, text, "Savings", sweep))
    return Ledger(owner, first_day, last_day, opening, tuple(entries))


def _carried_cents(owner: Customer, day: dt.date) -> int:
    return random.Random(f"carried:{owner.user_id}:{day}").randint(60_000, 380_000)


def period(ledger: Ledger) -> str:
    """Return the ledger's month in words: `1 March 2026 to 31 March 2026`."""
    first, last = ledger.first_day, ledger.last_day
    return f"1 {first:%B %Y} to {last.day} {last:%B %Y}"


def euros(cents: int) -> str:
    """Return an amount as it is printed: `1,234.50`, with a minus sign where it is negative."""
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100:,}.{abs(cents) % 100:02}"
