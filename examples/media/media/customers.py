"""The bank and its customers, each made up from a user id and the same each time."""

import random
import unicodedata
from dataclasses import dataclass

from media.errors import InputError

BANK = "Meridian Savings Bank"
MAX_USER_ID = 10**9
_FIRST = (
    *("Aoife", "Brendan", "Ciara", "Declan", "Emer", "Fergus", "Gráinne", "Hugo", "Ingrid"),
    *("Jonas", "Katja", "Liam", "Márta", "Niamh", "Oisín", "Paula", "Rónán", "Sofia", "Tomás"),
)
_LAST = (
    *("Ahern", "Byrne", "Costello", "Devane", "Egan", "Flaherty", "Geraghty", "Hanratty"),
    *("Iversen", "Jansen", "Keogh", "Lindqvist", "Moreau", "Ní Bhriain", "Ó Dálaigh", "Quirke"),
)
_STREETS = ("Harbour Road", "Mill Lane", "Orchard Terrace", "Quay Street", "Castle Avenue")
_TOWNS = ("Dublin 8", "Cork", "Galway", "Limerick", "Waterford", "Sligo")


@dataclass(frozen=True)
class Customer:
    """One customer. `account` is an IBAN without spaces; `monthly_pay_cents` is after tax."""

    user_id: int
    name: str
    address: tuple[str, ...]
    email: str
    account: str
    employer: str
    monthly_pay_cents: int
    card: str


def customer(user_id: object) -> Customer:
    """Return the customer with this id, a whole number from 1 to 10^9. Raises InputError."""
    if type(user_id) is not int or not 1 <= user_id <= MAX_USER_ID:
        raise InputError.at(
            "user_id",
            expected=f"a whole number from 1 to {MAX_USER_ID}",
            got=repr(user_id),
            remedy="pass the id of a user",
        )
    rng = random.Random(f"customer:{user_id}")
    first, last = rng.choice(_FIRST), rng.choice(_LAST)
    mailbox = _ascii(f"{first}.{last}").replace(" ", "").lower()
    return Customer(
        user_id=user_id,
        name=f"{first} {last}",
        address=(f"{rng.randint(1, 180)} {rng.choice(_STREETS)}", rng.choice(_TOWNS), "Ireland"),
        email=f"{mailbox}.{user_id}@mail.example",
        account=iban(f"MRDN99{rng.randint(0, 99):02}00{rng.randint(0, 99_999_999):08}"),
        employer=rng.choice(("Corrib Instruments", "Northlight Studios", "Tidewater Foods")),
        monthly_pay_cents=rng.randint(2_300, 4_900) * 100 + rng.randint(0, 99),
        card=f"{rng.randint(0, 9999):04}",
    )


def iban(basic: str, country: str = "IE") -> str:
    """Return the IBAN of a basic account number, with its two check digits (ISO 13616, mod 97)."""
    digits = "".join(str(int(sign, 36)) for sign in f"{basic}{country}00")
    return f"{country}{98 - int(digits) % 97:02}{basic}"


def _ascii(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
