"""Reads a PDF's text, classifies it and writes what it found as JSON beside it."""

import json
from pathlib import Path

from celery.exceptions import SoftTimeLimitExceeded
from pypdf import PdfReader

from media.errors import InputError
from media.files import whole_file
from media.settings import Settings
from media.templates import classify, load_templates


def classify_document(settings: Settings, pdf: object) -> dict[str, object]:
    """Classify the PDF at `pdf` and write `<its name>.json` beside it.

    Returns the JSON of the task's result, which is also what the file holds: kind
    ("unclassified" where no template fits), confidence from 0 to 1, fields, pages. Raises
    InputError for what is not a PDF that can be read.
    """
    path = settings.source(pdf, "pdf", max_bytes=settings.max_document_bytes)
    pages = extract_pages(path, max_pages=settings.max_document_pages)
    found = classify("\n".join(pages), load_templates())
    target = path.with_name(f"{path.name}.json")
    result: dict[str, object] = {
        "pdf": settings.relative(path),
        "json": settings.relative(target),
        "kind": found.kind,
        "confidence": found.confidence,
        "fields": found.fields,
        "pages": len(pages),
    }
    with whole_file(target) as part:
        part.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return result


def extract_pages(path: Path, max_pages: int) -> list[str]:
    """Return the text of each page of a PDF of at most `max_pages`. Raises InputError."""
    with path.open("rb") as file:
        # Readers accept a PDF whose header begins within the first 1024 bytes (ISO 32000-1,
        # annex H, note 13).
        if b"%PDF-" not in file.read(1024):
            raise _unreadable(path, "a file that does not begin like one")
        try:
            reader = PdfReader(file)
            if reader.is_encrypted and not reader.decrypt(""):
                raise _unreadable(path, "one locked with a password")
            count = len(reader.pages)
            if count <= max_pages:
                return [page.extract_text() for page in reader.pages]
        except (InputError, SoftTimeLimitExceeded, MemoryError):
            raise
        # A damaged file may trip any part of the parser: besides pypdf's own errors there are
        # KeyError, ValueError, RecursionError, zlib.error and more.
        except Exception as error:
            raise _unreadable(path, f"a damaged one ({type(error).__name__}: {error})") from error
    raise InputError.at(
        f"pdf: {path.name}",
        expected=f"at most {max_pages} pages",
        got=str(count),
        remedy="split the document, or raise MEDIA_MAX_DOCUMENT_PAGES",
    )


def _unreadable(path: Path, got: str) -> InputError:
    return InputError.at(
        f"pdf: {path.name}",
        expected="a PDF that can be read",
        got=got,
        remedy="open it in a viewer, and save it again without a password",
    )
