"""`ops manifest`: check the manifest, show what it comes to, print its schema and reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ops.cli.context import Ops, json_option, pass_ops
from ops.cli.output import print_json, print_line, print_table
from ops.errors import Exit

if TYPE_CHECKING:
    from worker.fleet import Fleet, ManifestError, Queue
    from worker.manifest.problems import Problem
    from worker.promises import Caution


@click.group()
def manifest() -> None:
    """Check and show the manifest; print its schema."""


@manifest.command()
@json_option
@pass_ops
def check(ops: Ops, as_json: bool) -> int:
    """Say what is wrong with the manifest, and what it can and cannot promise.

    Exits 2 if it cannot be used.
    """
    from worker.fleet import ManifestError, load  # noqa: PLC0415

    try:
        fleet = load(ops.path)
    except ManifestError as error:
        print_json(_wrong(error)) if as_json else print_line(str(error))
        return Exit.USAGE
    if as_json:
        print_json(_right(fleet))
        return Exit.DONE
    for line in _notes(fleet):
        print_line(line)
    return Exit.DONE


@manifest.command()
@json_option
@pass_ops
def show(ops: Ops, as_json: bool) -> None:
    """Show the whole manifest with its defaults filled in; a * marks a default."""
    fleet = ops.fleet()
    if as_json:
        print_json(_as_data(fleet))
        return
    print_table(
        ("fleet", "region", "imports", "file"),
        [(fleet.name, fleet.region or "-", ", ".join(fleet.imports) or "-", str(fleet.path))],
    )
    print_line("")
    columns = [_column(fleet, queue) for queue in fleet.queues.values()]
    print_table(
        ("key", *fleet.queues),
        [(key, *(column[key] for column in columns)) for key in columns[0]],
    )


@manifest.command()
@json_option
def schema(as_json: bool) -> None:  # noqa: ARG001
    """Print the manifest's JSON Schema, for editors."""
    from ops.manifest.schema import manifest_schema  # noqa: PLC0415

    print_json(manifest_schema())


@manifest.command()
def reference() -> None:
    """Print the manifest's reference page in Markdown."""
    from ops.manifest.reference import manifest_reference  # noqa: PLC0415

    print_line(manifest_reference().rstrip())


def _notes(fleet: Fleet) -> list[str]:
    from worker.promises import promises  # noqa: PLC0415

    count = len(fleet.queues)
    queues = f"{count} queue{'' if count == 1 else 's'}"
    on_aws = _on_aws(fleet)
    told = f"; {len(on_aws)} to mend before it goes to AWS" if on_aws else ""
    lines = [f"{fleet.path}: nothing wrong: fleet {fleet.name}, {queues}{told}"]
    sentences: dict[str, list[str]] = {}
    for name, queue in fleet.queues.items():
        for sentence in promises(queue):
            sentences.setdefault(sentence, []).append(name)
    lines += [f"{', '.join(names)}: note: {sentence}" for sentence, names in sentences.items()]
    for name, queue in fleet.queues.items():
        lines += [f"queues.{name}.{c.key}: caution: {c.text}" for c in _cautions(queue)]
    lines += [f"{p.place}: on AWS: {p.what}: {p.remedy}" for p in on_aws]
    return lines


def _right(fleet: Fleet) -> dict[str, Any]:
    from worker.promises import promises  # noqa: PLC0415

    queues = {
        name: {
            "promises": promises(queue),
            "cautions": [{"key": c.key, "text": c.text} for c in _cautions(queue)],
        }
        for name, queue in fleet.queues.items()
    }
    return {
        "file": str(fleet.path),
        "fleet": fleet.name,
        "problems": [],
        "queues": queues,
        "on_aws": [_problem(each) for each in _on_aws(fleet)],
    }


def _on_aws(fleet: Fleet) -> tuple[Problem, ...]:
    """Return what `ops stack plan` refuses and a worker does not mind."""
    from ops.stack.checks import of_manifest  # noqa: PLC0415

    return of_manifest(fleet)


def _cautions(queue: Queue) -> list[Caution]:
    """Return what its worker is to know, and then what its scaling is."""
    import time  # noqa: PLC0415

    from ops.scaling.cautions import cautions as of_scaling  # noqa: PLC0415
    from ops.scaling.settings import settings_of  # noqa: PLC0415
    from worker.promises import cautions  # noqa: PLC0415

    return [*cautions(queue), *of_scaling(settings_of(queue), time.time())]


def _wrong(error: ManifestError) -> dict[str, Any]:
    problems = [_problem(each) for each in error.problems]
    return {"file": error.file, "fleet": None, "problems": problems, "queues": {}, "on_aws": []}


def _problem(problem: Problem) -> dict[str, str]:
    return {"place": problem.place, "what": problem.what, "remedy": problem.remedy}


def _as_data(fleet: Fleet) -> dict[str, Any]:
    data: dict[str, Any] = fleet.model_dump(mode="json")
    for name, queue in fleet.queues.items():
        data["queues"][name] |= {
            "physical_name": fleet.physical_name(name),
            "dead_letter_name": fleet.dead_letter_name(name),
            "defaulted": sorted(key for key, _, set_ in _values(queue) if not set_),
        }
    return data


def _column(fleet: Fleet, queue: Queue) -> dict[str, str]:
    names = {
        "on SQS": fleet.physical_name(queue.name),
        "dead letters": fleet.dead_letter_name(queue.name),
    }
    return names | {key: text if set_ else f"{text} *" for key, text, set_ in _values(queue)}


def _values(queue: Queue) -> list[tuple[str, str, bool]]:
    """Return each key of a queue, its value as text, and whether the manifest sets it."""
    values: list[tuple[str, str, bool]] = []
    tables = {"slo": queue.slo, "nodes": queue.nodes, "scaling": queue.scaling}
    data: dict[str, Any] = queue.model_dump(mode="json", exclude={"name", *tables})
    for key, value in data.items():
        values.append((key, _text(value), key in queue.model_fields_set))
    for name, table in tables.items():
        for key, value in table.model_dump(mode="json").items():
            values.append((f"{name}.{key}", _text(value), key in table.model_fields_set))
    return values


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return " ".join(f"{key} {part}" for key, part in value.items() if part is not None)
    if isinstance(value, list):
        return ", ".join(map(_text, value)) or "-"
    return str(value)
