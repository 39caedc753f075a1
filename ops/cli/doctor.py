"""`ops doctor`: what bites an existing Celery application on SQS, and a manifest for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ops.cli.context import json_option
from ops.cli.counting import waiting
from ops.cli.output import print_json, print_line, progress, say
from ops.errors import Exit, OpsError

if TYPE_CHECKING:
    from ops.doctor.examine import Examined
    from ops.doctor.finding import Finding


@click.command()
@click.option(
    "--app",
    help="The application, as the worker's -A names it (shop.celery:app); left out where "
    "celeryconfig is all there is.",
)
@click.option(
    "--propose",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the proposed manifest to this new file instead of printing it.",
)
@click.option("--offline", is_flag=True, help="Do not look at the account on AWS.")
@click.option("--rules", is_flag=True, help="Print what it looks for, in Markdown.")
@json_option
def doctor(app: str | None, propose: Path | None, offline: bool, rules: bool, as_json: bool) -> int:
    """List what bites a Celery application on SQS, with remedies, and propose its manifest.

    Run it in the folder where its workers start. It imports the application as a worker does,
    asks its broker nothing and changes nothing. Exits 3 if something bites.
    """
    if rules:
        from ops.doctor.reference import doctor_reference  # noqa: PLC0415

        print_line(doctor_reference().rstrip())
        return Exit.DONE
    from ops.doctor.examine import examine  # noqa: PLC0415
    from ops.doctor.finding import Severity  # noqa: PLC0415
    from ops.doctor.rules.table import judge  # noqa: PLC0415

    if propose is not None and propose.exists():
        raise OpsError(_exists(propose), Exit.USAGE)
    examined = examine(app, offline=offline, progress=progress, waiting=waiting)
    findings = judge(examined.snapshot)
    if as_json:
        print_json(_as_data(examined, findings))
    else:
        _print(examined, findings, with_proposal=propose is None)
    if propose is not None:
        _write(examined, propose)
    bites = any(finding.severity > Severity.NOTE for finding in findings)
    return Exit.DRIFTED if bites else Exit.DONE


def _print(examined: Examined, findings: list[Finding], with_proposal: bool) -> None:
    for finding in findings:
        print_line(f"{finding.place}: {finding.severity.word}: {finding.what} [{finding.rule}]")
        print_line(f"    {finding.remedy}")
    for line in examined.not_looked:
        print_line(f"not looked at: {line}")
    application = examined.snapshot.application
    fleet = application.fleet
    where = f"on the fleet {fleet.name} ({fleet.path})" if fleet else f"on {application.broker}://"
    say(
        f"{application.name}: {where}, {_count(len(application.tasks), 'task')}, "
        f"{_count(len(examined.snapshot.modules), 'module')} read: {_summary(findings)}"
    )
    if with_proposal and examined.proposal is not None:
        print_line(f"\n{examined.proposal.rstrip()}")


def _summary(findings: list[Finding]) -> str:
    words = [finding.severity.word for finding in findings]
    counts = {word: words.count(word) for word in ("error", "warning", "note")}
    return ", ".join(_count(n, word) for word, n in counts.items() if n) or "nothing bites"


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _write(examined: Examined, file: Path) -> None:
    fleet = examined.snapshot.application.fleet
    if examined.proposal is None:
        raise OpsError(
            f"--propose: expected an application without a manifest, found "
            f"{fleet.path if fleet else 'one'}: leave it out",
            Exit.USAGE,
        )
    try:
        with file.open("x", encoding="utf-8") as out:
            out.write(examined.proposal)
    except FileExistsError:
        raise OpsError(_exists(file), Exit.USAGE) from None
    except OSError as error:
        raise OpsError(f"--propose {file}: cannot be written: {error.strerror}") from error
    say(f"{file}: written; read it, then ops --manifest {file} manifest check")


def _exists(file: Path) -> str:
    return f"--propose {file}: expected a new file, found one: name another, or move it away"


def _as_data(examined: Examined, findings: list[Finding]) -> dict[str, Any]:
    application = examined.snapshot.application
    return {
        "application": application.name,
        "broker": application.broker,
        "fleet": None if application.fleet is None else str(application.fleet.path),
        "findings": [
            {
                "rule": f.rule,
                "severity": f.severity.word,
                "place": f.place,
                "what": f.what,
                "remedy": f.remedy,
            }
            for f in findings
        ],
        "not_looked": list(examined.not_looked),
        "proposal": examined.proposal,
    }
