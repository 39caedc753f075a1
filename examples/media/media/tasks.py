"""The service's Celery tasks. Each one reads its settings, and calls the module that does it.

They belong to no app of their own: the fleet's configuration (`celeryconfig`) says which queue
each name goes to. Arguments and results are JSON, files are named by their paths below MEDIA_ROOT.
Every task may run twice without harm: its output is the same, and replaces the earlier one whole;
a mail is handed over once.
"""

from collections.abc import Mapping
from email.message import EmailMessage

from celery import Task, shared_task

from media import documents, mail, statement, video
from media.errors import MailUnavailableError
from media.settings import Settings, read_settings
from worker.once import NotNow, once

# Waits of 2 s, 4 s, 8 s ... 5 minutes, shortened at random so that mails held up by one outage
# do not come back at one moment; about a quarter of an hour in all.
_RETRY_MAIL = {
    # NotNow: another message with the same mail is at it, or the record of it is out of reach.
    "autoretry_for": (MailUnavailableError, NotNow),
    "retry_backoff": 2,
    "retry_backoff_max": 300,
    "retry_jitter": True,
    "max_retries": 10,
}


@shared_task(name="media.video.transcode")
def transcode(source: str, height: int = 480) -> dict[str, object]:
    """Transcode a clip to mp4 of `height` pixels, with a poster frame (media.video)."""
    return video.transcode(read_settings(), source, height)


@shared_task(name="media.statements.make")
def make_statement(user_id: int, month: str) -> dict[str, object]:
    """Make the PDF statement of `month`, as YYYY-MM, for a user (media.statement)."""
    return statement.make_statement(read_settings(), user_id, month)


@shared_task(name="media.email.send_statement", bind=True, **_RETRY_MAIL)
def send_statement(
    self: Task, statement: Mapping[str, object], to: str | None = None
) -> dict[str, object]:
    """Mail the statement that `media.statements.make` returned: link this task to that one."""
    settings = read_settings()
    return _send_once(self, settings, mail.statement_message(settings, statement, to))


@shared_task(name="media.email.send_notice", bind=True, **_RETRY_MAIL)
def send_notice(self: Task, to: str, subject: str, text: str, key: str) -> dict[str, object]:
    """Mail a notice. Its Message-ID comes from `key`, so that a duplicate can be told."""
    settings = read_settings()
    return _send_once(self, settings, mail.notice_message(settings, to, subject, text, key))


@shared_task(name="media.documents.classify")
def classify_document(document: str | Mapping[str, object]) -> dict[str, object]:
    """Classify a PDF: its path, or the result of a task that made one, under `pdf`."""
    pdf = document.get("pdf") if isinstance(document, Mapping) else document
    return documents.classify_document(read_settings(), pdf)


def _send_once(task: Task, settings: Settings, message: EmailMessage) -> dict[str, object]:
    """Hand a message to the mail server, once however often it is received.

    Called as a function, outside of a worker, there is no fleet whose record could be asked.
    """
    if task.request.called_directly or task.request.is_eager:
        return mail.deliver(settings, message)
    key = f"mail:{message['Message-ID']}"
    return once(key, ttl="30d").run(mail.deliver, settings, message)
