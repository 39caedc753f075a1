"""Tells a document's kind from its text, by the templates of templates.toml."""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

UNCLASSIFIED = "unclassified"
# The patterns take time in proportion to the text; this much is a book of 60 pages.
MAX_CHARACTERS = 200_000


@dataclass(frozen=True)
class Field:
    """What to read out of a document: the first group of `pattern`, put in `form`."""

    name: str
    pattern: re.Pattern[str]
    form: str

    def read(self, text: str) -> str | int | None:
        """Return the field's value, or None where the text does not have it."""
        found = self.pattern.search(text)
        if found is None:
            return None
        if self.form == "cents":
            digits = re.sub(r"[^0-9-]", "", found[1])
            return int(digits) if re.fullmatch("-?[0-9]+", digits, re.ASCII) else None
        return re.sub(r"\s+", "" if self.form == "compact" else " ", found[1]).strip()


@dataclass(frozen=True)
class Template:
    """One kind of document (see templates.toml for what each part means)."""

    kind: str
    threshold: float
    required: tuple[str, ...]
    patterns: tuple[re.Pattern[str], ...]
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class Classification:
    """A document's kind, the score of the best template (0 to 1), and the fields read."""

    kind: str
    confidence: float
    fields: dict[str, str | int]


def load_templates(path: Path | None = None) -> list[Template]:
    """Read the templates from `path`, or the service's own.

    Raises OSError, tomllib.TOMLDecodeError, KeyError for a missing part, re.error.
    """
    path = Path(__file__).with_name("templates.toml") if path is None else path
    return [
        Template(
            kind=kind,
            threshold=table["threshold"],
            required=tuple(words.lower() for words in table["required"]),
            patterns=tuple(_compile(pattern) for pattern in table["patterns"]),
            fields=tuple(
                Field(name, _compile(field["pattern"]), field["form"])
                for name, field in table["fields"].items()
            ),
        )
        for kind, table in tomllib.loads(path.read_text(encoding="utf-8")).items()
    ]


def classify(text: str, templates: Sequence[Template]) -> Classification:
    """Return the kind of the document with this text. Never raises: what is unknown is said so."""
    text = text[:MAX_CHARACTERS]
    words = " ".join(text.lower().split())
    best = Classification(UNCLASSIFIED, 0.0, {})
    below = 0.0
    for template in templates:
        if not all(required in words for required in template.required):
            continue
        matched = sum(pattern.search(text) is not None for pattern in template.patterns)
        read = {field.name: field.read(text) for field in template.fields}
        fields = {name: value for name, value in read.items() if value is not None}
        found = len(template.required) + matched + len(fields)
        total = len(template.required) + len(template.patterns) + len(template.fields)
        score = round(found / total, 3)
        if score >= template.threshold and score > best.confidence:
            best = Classification(template.kind, score, fields)
        below = max(below, score)
    return best if best.kind != UNCLASSIFIED else Classification(UNCLASSIFIED, below, {})


def _compile(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE | re.ASCII)
