"""Where people spend their money: who is paid, how often a month and how much. All invented."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Regular:
    """A direct debit: on `day` of each month, `share` of the month's pay."""

    day: int
    payee: str
    category: str
    share: float


@dataclass(frozen=True)
class Habit:
    """Card payments: `least` to `most` a month, of which all together are `share` of the pay."""

    category: str
    least: int
    most: int
    share: float
    payees: tuple[str, ...]


REGULARS = (
    Regular(3, "Dún Property Lettings, rent", "Housing", 0.290),
    Regular(5, "Westwind Energy", "Utilities", 0.034),
    Regular(8, "Hibernet Broadband", "Utilities", 0.014),
    Regular(10, "Shannon Mutual Insurance", "Insurance", 0.021),
    Regular(12, "Pulse Mobile", "Utilities", 0.009),
    Regular(15, "Lantern Streaming", "Leisure", 0.005),
    Regular(18, "Riverside Gym", "Leisure", 0.012),
    Regular(22, "Sea Rescue Fund, donation", "Giving", 0.006),
)

HABITS = (
    Habit("Groceries", 10, 16, 0.130, ("Fallon's Market", "Greengrocer Nine", "Kettle & Corn")),
    Habit("Eating out", 9, 19, 0.070, ("Café Marina", "Noodle Yard", "The Salt Loft", "Pita Bros")),
    Habit(
        "Transport", 10, 20, 0.045, ("City Bikes", "Coastline Rail", "Metro Top-up", "Taxi Línea")
    ),
    Habit("Shopping", 4, 9, 0.085, ("Ardmore Books", "Loom & Thread", "Voltpoint", "Home Harbour")),
    Habit("Health", 0, 3, 0.015, ("Corner Pharmacy", "Dr. Whelan Dental")),
    Habit("Leisure", 2, 6, 0.030, ("Odeon Arts Cinema", "Ticket Pier", "Climb House")),
    Habit("Cash", 0, 3, 0.030, ("Cash machine, Main Street", "Cash machine, Station")),
)
