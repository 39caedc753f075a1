"""A mail server that keeps what it is sent: `python -m media.smtp_sink --port 0 --out DIR`.

Each message is saved as DIR/<its Message-ID>.eml, and each delivery is a line of
DIR/deliveries.jsonl: a message delivered twice is one file and two lines.
"""

import asyncio
import datetime as dt
import hashlib
import json
import re
import signal
from email import message_from_bytes
from pathlib import Path

import click
from aiosmtpd.smtp import SMTP, Envelope, Session

from media.files import whole_file

JOURNAL = "deliveries.jsonl"


class Mailbox:
    """Saves messages in `folder`, after answering the first `fail_first` with `fail_code`."""

    def __init__(self, folder: Path, *, fail_first: int = 0, fail_code: int = 451) -> None:
        self._folder = folder
        self._failures_left = fail_first
        self._fail_code = fail_code

    async def handle_DATA(  # noqa: N802 (aiosmtpd's name)
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """Save one message and return the answer to give."""
        if self._failures_left > 0:
            self._failures_left -= 1
            return f"{self._fail_code} refused, as --fail-first asks"
        content = envelope.original_content or b""
        self.save(content, envelope.mail_from or "", envelope.rcpt_tos)
        return "250 saved"

    def save(self, content: bytes, mail_from: str, rcpt_tos: list[str]) -> Path:
        """Write the message's file and its line in the journal; return the file."""
        identity = str(message_from_bytes(content)["Message-ID"] or "").strip().strip("<>")
        digest = hashlib.sha256(content).hexdigest()
        if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,150}", identity, re.ASCII):
            name = identity
        else:
            name = hashlib.sha256(identity.encode()).hexdigest() if identity else digest
        target = self._folder / f"{name}.eml"
        with whole_file(target) as part:
            part.write_bytes(content)
        line = {
            "message_id": identity,
            "file": target.name,
            "mail_from": mail_from,
            "rcpt_tos": rcpt_tos,
            "bytes": len(content),
            "sha256": digest,
            "received_at": dt.datetime.now(dt.UTC).isoformat(),
        }
        with (self._folder / JOURNAL).open("a", encoding="utf-8") as journal:
            journal.write(json.dumps(line) + "\n")
        return target


async def serve(mailbox: Mailbox, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT; say `ready HOST:PORT` on stdout once it listens.

    Raises OSError where the port cannot be had.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = await loop.create_server(
        lambda: SMTP(mailbox, hostname="localhost", ident="media sink", loop=loop), host, port
    )
    click.echo(f"ready {host}:{server.sockets[0].getsockname()[1]}")
    await stop.wait()
    server.close()


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=1025, show_default=True)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True)
@click.option("--fail-first", type=click.IntRange(min=0), default=0, metavar="N")
@click.option("--fail-code", type=click.IntRange(400, 599), default=451, show_default=True)
def main(host: str, port: int, out: Path, fail_first: int, fail_code: int) -> None:
    """Save every message in OUT, after answering the first N with --fail-code."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        mailbox = Mailbox(out, fail_first=fail_first, fail_code=fail_code)
        asyncio.run(serve(mailbox, host, port))
    except OSError as error:
        raise click.ClickException(f"{host}:{port}, {out}: {error}") from error


if __name__ == "__main__":
    main()
