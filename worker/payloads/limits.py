"""The bounds of what is kept in S3: how large, how long, under which names. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from worker.manifest.queue import DEAD_LETTER_RETENTION, LONGEST_RETENTION

#: Where arguments lie in the manifest's ``payload_bucket``.
PREFIX: Final = "payloads/"

#: What a worker fetches at most. Decoded, JSON takes up to 25 times its size (see
#: ``worker.sqs.envelope``), but arguments this large are nearly always a few long strings.
AT_MOST_BYTES: Final = 64 * 1024 * 1024

#: The longest that a task with arguments in S3 may be put off when it is sent.
LONGEST_DELAY: Final = timedelta(days=14)
#: After this an object is deleted (the bucket's lifecycle): no message can point to it any more.
EXPIRES_AFTER: Final = LONGEST_DELAY + LONGEST_RETENTION + DEAD_LETTER_RETENTION
