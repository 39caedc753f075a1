"""The reference page of the rules, written from their table."""

from __future__ import annotations

from ops.doctor.rules.table import RULES

_INTRODUCTION = """\
# What ops doctor looks for

`ops doctor --app module:app` reads a Celery application's settings, tasks and code, and the account
where it may, and lists what bites on SQS. It imports the application as a worker does, asks its
broker nothing and changes nothing. An *error* loses work, does it twice or does not run; a
*warning* does not do what it says; a *note* bites nothing. This page is `ops doctor --rules`'
output. How an application moves: [adopt](../howto/adopt.md).

| Rule | Severity | Looks for |
| --- | --- | --- |"""


def doctor_reference() -> str:
    """Return the reference page in Markdown."""
    rows = [f"| `{rule.id}` | {rule.severity.word} | {rule.looks_for} |" for rule in RULES]
    return "\n".join([_INTRODUCTION, *rows, ""])
