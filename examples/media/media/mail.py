"""Messages, and how they are handed to the mail server."""

import contextlib
import hashlib
import re
import smtplib
from collections.abc import Mapping
from email.message import EmailMessage
from email.utils import formatdate
from pathlib import Path

from media.customers import BANK, customer
from media.errors import InputError, MailRefusedError, MailUnavailableError
from media.ledger import parse_month
from media.settings import Settings

MAX_SUBJECT, MAX_TEXT = 200, 100_000  # characters
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")


def statement_message(settings: Settings, statement: object, to: object) -> EmailMessage:
    """Return the message that brings a customer the statement `make_statement` returned.

    `to` is an address, the customer's own where None. Raises InputError.
    """
    if not isinstance(statement, Mapping):
        raise InputError.at(
            "statement",
            expected="an object with user_id, month and pdf",
            got=repr(statement),
            remedy="pass what media.statements.make has returned",
        )
    person = customer(statement.get("user_id"))
    month = parse_month(statement.get("month"))
    pdf = _attachment(settings, statement.get("pdf"))
    key = f"statement:{person.user_id}:{month:%Y-%m}"
    message = _message(settings, person.email if to is None else to, key)
    message["Subject"] = f"Your statement for {month:%B %Y}"
    message.set_content(
        f"Dear {person.name},\n\n"
        f"your statement of account for {month:%B %Y} is attached.\n\n"
        f"Yours sincerely,\n{BANK}\n"
    )
    message.add_attachment(
        pdf.read_bytes(), maintype="application", subtype="pdf", filename=pdf.name
    )
    return message


def notice_message(
    settings: Settings, to: object, subject: object, text: object, key: object
) -> EmailMessage:
    """Return a message of plain text. Two with the same `key` are the same. Raises InputError."""
    message = _message(settings, to, f"notice:{_text('key', key, MAX_SUBJECT)}")
    message["Subject"] = _text("subject", subject, MAX_SUBJECT)
    message.set_content(_text("text", text, MAX_TEXT, lines=True))
    return message


def deliver(settings: Settings, message: EmailMessage) -> dict[str, object]:
    """Hand a message to the mail server; every step ends within `smtp_timeout_seconds`.

    Returns the JSON of the task's result: message_id and to. Raises MailUnavailableError where
    trying again may help (RFC 5321, 4.2.1: a 4xx answer; no connection), MailRefusedError where
    it will not (5xx).
    """
    place = f"mail server {settings.smtp_host}:{settings.smtp_port}"
    # Named here, for smtplib would otherwise ask the resolver, which may take seconds.
    own_name = settings.mail_from.rpartition("@")[2]
    try:
        server = smtplib.SMTP(
            settings.smtp_host,
            settings.smtp_port,
            local_hostname=own_name,
            timeout=settings.smtp_timeout_seconds,
        )
        with contextlib.closing(server) as smtp:
            smtp.send_message(message)
            # The message is accepted: a goodbye that fails must not have it sent again.
            with contextlib.suppress(OSError):
                smtp.quit()
    except smtplib.SMTPRecipientsRefused as error:
        code, text = next(iter(error.recipients.values()))
        raise _answered(place, message, code, text) from error
    except smtplib.SMTPResponseException as error:
        raise _answered(place, message, error.smtp_code, error.smtp_error) from error
    # What is left of smtplib's errors, all of them OSErrors: the connection failed or broke.
    except OSError as error:
        raise MailUnavailableError.at(
            place,
            expected="a working connection",
            got=f"{type(error).__name__}: {error}",
            remedy="check that it runs, and MEDIA_SMTP_HOST and MEDIA_SMTP_PORT",
        ) from error
    return {"message_id": message["Message-ID"], "to": message["To"]}


def message_id(key: str, sender: str) -> str:
    """Return the Message-ID of the message with this key: always the same one."""
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return f"<{digest}@{sender.rpartition('@')[2]}>"


def _message(settings: Settings, to: object, key: str) -> EmailMessage:
    if not isinstance(to, str) or len(to) > 254 or _ADDRESS.fullmatch(to) is None:
        raise InputError.at(
            "to",
            expected="one mail address such as ann@mail.example",
            got=repr(to),
            remedy="pass a single address, without a name",
        )
    message = EmailMessage()
    message["From"], message["To"] = settings.mail_from, to
    message["Date"] = formatdate()
    message["Message-ID"] = message_id(key, settings.mail_from)
    return message


def _text(place: str, value: object, most: int, *, lines: bool = False) -> str:
    if isinstance(value, str) and 1 <= len(value) <= most:
        # A line break in a header would begin another header.
        plain = value.replace("\n", "").replace("\t", "") if lines else value
        if plain.isprintable():
            return value
    kind = "text" if lines else "one line of text"
    raise InputError.at(
        place,
        expected=f"{kind} of 1 to {most} printable characters",
        got=repr(value)[:80],
        remedy="shorten or clean it",
    )


def _attachment(settings: Settings, path: object) -> Path:
    pdf = settings.source(path, "statement.pdf", max_bytes=settings.max_document_bytes)
    with pdf.open("rb") as file:
        if file.read(5) != b"%PDF-":
            raise InputError.at(
                f"statement.pdf: {path}",
                expected="a PDF",
                got="a file that does not begin like one",
                remedy="pass what media.statements.make has returned",
            )
    return pdf


def _answered(
    place: str, message: EmailMessage, code: int, text: bytes | str
) -> MailRefusedError | MailUnavailableError:
    said = text.decode(errors="replace") if isinstance(text, bytes) else text
    refused = 500 <= code <= 599
    kind = MailRefusedError if refused else MailUnavailableError
    return kind.at(
        place,
        expected=f"the message to {message['To']} accepted",
        got=f"{code} {said}",
        remedy="correct the address or the server" if refused else "try again later",
    )
