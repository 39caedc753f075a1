import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from celery import Celery, current_app
from media import mail
from media.customers import customer
from media.errors import InputError, MailRefusedError, MailUnavailableError
from media.settings import Settings, read_settings
from media.smtp_sink import JOURNAL, Mailbox
from media.statement import make_statement
from media.tasks import send_notice, send_statement

ROOT = Path(__file__).parents[2]
NOTICE = {"to": "ann@mail.example", "subject": "Größe", "text": "Schön.\nZwei Zeilen.", "key": "k1"}
Sink = Callable[..., Path]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MEDIA_ROOT", str(tmp_path))
    return tmp_path


@pytest.fixture
def sink(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sink]:
    """Start a sink, point the service at it, and return the folder it saves to."""
    running: list[subprocess.Popen[str]] = []

    def start(*options: str) -> Path:
        out = tmp_path / "mails"
        process = subprocess.Popen(
            [sys.executable, "-m", "media.smtp_sink", "--port", "0", "--out", out, *options],
            env={**os.environ, "PYTHONPATH": str(ROOT / "examples/media")},
            stdout=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        assert process.stdout is not None
        ready, address = process.stdout.readline().split()
        assert ready == "ready"
        host, port = address.split(":")
        monkeypatch.setenv("MEDIA_SMTP_HOST", host)
        monkeypatch.setenv("MEDIA_SMTP_PORT", port)
        return out

    yield start
    for process in running:
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture
def app() -> Iterator[Celery]:
    """An application of the tests' own: the fleet's configuration would want its manifest."""
    before = current_app._get_current_object()
    app = Celery("media-tests", broker="memory://")
    app.set_current()
    yield app
    before.set_current()
    app.close()


def deliveries(out: Path) -> list[dict[str, Any]]:
    path = out / JOURNAL
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_a_statement_arrives_with_its_pdf(root: Path, sink: Sink, app: Celery) -> None:
    out = sink()
    statement = make_statement(read_settings(), 7, "2026-03")
    result = send_statement.run(statement)
    (delivery,) = deliveries(out)
    assert delivery["rcpt_tos"] == [customer(7).email] == [result["to"]]
    assert f"<{delivery['message_id']}>" == result["message_id"]
    saved = (out / delivery["file"]).read_bytes()
    message = message_from_bytes(saved, policy=policy.default)
    assert message["Subject"] == "Your statement for March 2026"
    assert f"Dear {customer(7).name}," in message.get_body().get_content()
    (attached,) = message.iter_attachments()
    assert attached.get_content_type() == "application/pdf"
    assert attached.get_filename() == "statement-7-2026-03.pdf"
    assert attached.get_content() == (root / statement["pdf"]).read_bytes()


def test_the_same_mail_twice_is_one_file_and_two_deliveries(
    root: Path, sink: Sink, app: Celery
) -> None:
    out = sink()
    first, second = send_notice.run(**NOTICE), send_notice.run(**NOTICE)
    other = send_notice.run(**{**NOTICE, "key": "k2"})
    assert first["message_id"] == second["message_id"] != other["message_id"]
    assert len(deliveries(out)) == 3
    assert len(list(out.glob("*.eml"))) == 2
    message = message_from_bytes(
        (out / deliveries(out)[0]["file"]).read_bytes(), policy=policy.default
    )
    assert (message["Subject"], message.get_content()) == ("Größe", "Schön.\r\nZwei Zeilen.\r\n")


def test_a_temporary_refusal_is_tried_again_until_it_is_accepted(
    root: Path, sink: Sink, app: Celery
) -> None:
    out = sink("--fail-first", "3", "--fail-code", "451")
    with pytest.raises(MailUnavailableError, match="got 451 refused, as --fail-first asks; try"):
        mail.deliver(read_settings(), mail.notice_message(read_settings(), **NOTICE))
    done = send_notice.apply(kwargs=NOTICE)
    assert done.get()["to"] == "ann@mail.example"
    assert done.state == "SUCCESS"
    assert len(deliveries(out)) == 1


def test_a_refusal_for_good_is_not_tried_again(root: Path, sink: Sink, app: Celery) -> None:
    out = sink("--fail-first", "1", "--fail-code", "554")
    failed = send_notice.apply(kwargs=NOTICE)
    assert isinstance(failed.result, MailRefusedError)
    assert "got 554 refused" in str(failed.result)
    assert deliveries(out) == []
    # Only the one answer was used up: the next mail is accepted.
    send_notice.run(**NOTICE)
    assert len(deliveries(out)) == 1


def test_no_mail_server_is_tried_again_and_then_fails(
    root: Path, app: Celery, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as bound:  # bound, and not listening: connections are refused
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        monkeypatch.setenv("MEDIA_SMTP_PORT", str(port))
        failed = send_notice.apply(kwargs=NOTICE)
    assert isinstance(failed.result, MailUnavailableError)
    assert str(failed.result).startswith(
        f"mail server 127.0.0.1:{port}: expected a working connection, got ConnectionRefusedError"
    )


def test_a_silent_mail_server_is_given_up_after_the_timeout(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDIA_SMTP_TIMEOUT_SECONDS", "1")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("MEDIA_SMTP_PORT", str(silent.getsockname()[1]))
        with pytest.raises(MailUnavailableError, match=r"working connection, got .*timed out"):
            mail.deliver(read_settings(), mail.notice_message(read_settings(), **NOTICE))


def converse(listening: socket.socket, answers: dict[bytes, bytes]) -> None:
    """Speak SMTP with one client: 250 to each command, save where `answers` say otherwise."""
    answers = {b"DATA": b"354 go on", b"QUIT": b"221 bye"} | answers
    connection, _ = listening.accept()
    with connection, connection.makefile("rb") as lines:
        connection.sendall(answers.get(b"connect", b"220 ready") + b"\r\n")
        while command := lines.readline():
            verb = command[:4].upper()
            answer = answers.get(verb, b"250 fine")
            if answer == b"":
                return  # hangs up
            connection.sendall(answer + b"\r\n")
            if verb == b"QUIT":
                return
            if answer.startswith(b"354"):
                while lines.readline() not in (b".\r\n", b""):
                    pass
                connection.sendall(b"250 accepted\r\n")


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        ({}, None),
        # Accepted is accepted: what follows must not have the mail sent a second time.
        ({b"QUIT": b"421 shutting down"}, None),
        ({b"QUIT": b""}, None),
        ({b"RCPT": b"550 no such user"}, MailRefusedError),
        ({b"RCPT": b"450 mailbox busy"}, MailUnavailableError),
        ({b"MAIL": b"452 disk full"}, MailUnavailableError),
        ({b"MAIL": b"553 not from you"}, MailRefusedError),
        ({b"DATA": b""}, MailUnavailableError),
        ({b"connect": b"554 not here"}, MailRefusedError),
        ({b"connect": b"421 too many"}, MailUnavailableError),
    ],
)
def test_what_each_answer_of_a_mail_server_means(
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    answers: dict[bytes, bytes],
    outcome: type[Exception] | None,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        monkeypatch.setenv("MEDIA_SMTP_PORT", str(listening.getsockname()[1]))
        server = threading.Thread(target=converse, args=(listening, answers))
        server.start()
        message = mail.notice_message(read_settings(), **NOTICE)
        if outcome is None:
            assert mail.deliver(read_settings(), message)["to"] == "ann@mail.example"
        else:
            with pytest.raises(outcome, match=r"^mail server 127"):
                mail.deliver(read_settings(), message)
        server.join(10)
        assert not server.is_alive()


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"to": "nobody"}, "to"),
        ({"to": "a@b.example, c@d.example"}, "to"),
        ({"to": "a@b.example\nBcc: c@d.example"}, "to"),
        ({"to": "ä@b.example"}, "to"),
        ({"to": None}, "to"),
        ({"subject": "a\nBcc: c@d.example"}, "subject"),
        ({"subject": ""}, "subject"),
        ({"text": "\0"}, "text"),
        ({"text": "x" * 100_001}, "text"),
        ({"key": 5}, "key"),
    ],
)
def test_a_notice_that_cannot_be_is_refused(
    root: Path, change: dict[str, object], place: str
) -> None:
    with pytest.raises(InputError, match=f"^{place}: expected "):
        mail.notice_message(read_settings(), **{**NOTICE, **change})


def test_only_a_pdf_below_the_root_is_attached(root: Path) -> None:
    settings: Settings = read_settings()
    statement = {"user_id": 1, "month": "2026-03", "pdf": "a.pdf"}
    (root / "a.pdf").write_text("not one")
    for change, message in (
        ({}, "statement.pdf: a.pdf: expected a PDF, got a file that does not begin like one"),
        ({"pdf": "/etc/hostname"}, "statement.pdf: expected a path below MEDIA_ROOT"),
        ({"month": "March"}, "month: expected a month"),
    ):
        with pytest.raises(InputError) as refused:
            mail.statement_message(settings, {**statement, **change}, None)
        assert str(refused.value).startswith(message)
    with pytest.raises(InputError, match=r"^statement: expected an object with user_id"):
        mail.statement_message(settings, "a.pdf", None)


@pytest.mark.parametrize("identity", ["<../../escape@x>", "</etc/x>", "<.hidden@x>", "<>", None])
def test_a_message_is_saved_in_the_folder_whatever_its_id(
    tmp_path: Path, identity: str | None
) -> None:
    head = "" if identity is None else f"Message-ID: {identity}\r\n"
    mailbox = Mailbox(tmp_path / "mails")
    saved = mailbox.save(f"{head}\r\nhello".encode(), "a@b.example", ["c@d.example"])
    assert saved.parent == tmp_path / "mails"
    assert saved.suffix == ".eml"
    assert saved.read_bytes().endswith(b"hello")
    assert [line["file"] for line in deliveries(tmp_path / "mails")] == [saved.name]


def test_a_port_that_is_taken_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "media.smtp_sink", "--port", str(port), "--out", tmp_path],
            env={**os.environ, "PYTHONPATH": str(ROOT / "examples/media")},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: 127.0.0.1:{port}, {tmp_path}: ")
    assert len(done.stderr.splitlines()) == 1
