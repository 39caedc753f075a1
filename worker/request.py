"""Celery's request, telling the transport how each run began and ended."""

from __future__ import annotations

import logging
import weakref
from datetime import UTC, datetime
from typing import Any

from billiard.einfo import ExceptionWithTraceback
from celery.exceptions import Ignore, Reject, Retry, TimeLimitExceeded, WorkerLostError
from celery.worker.request import Request as CeleryRequest

from worker.children import gone
from worker.outcomes import DONE, Outcome, Reason, Verdict
from worker.payloads.pointer import CONTENT_TYPE
from worker.payloads.serializer import failure
from worker.payloads.store import PayloadUnavailable
from worker.sqs.engine import Engine
from worker.sqs.ledger import Held, State

logger = logging.getLogger(__name__)


class Request(CeleryRequest):
    """A request whose message is ended whatever happens to its run.

    Celery decides when a message is acknowledged; this class adds the verdict from which the
    transport's table derives what the broker is told (``worker.outcomes``).
    """

    acknowledged: bool
    on_success: Any

    def __init__(self, message: Any, **kwargs: Any) -> None:
        super().__init__(message, **kwargs)
        self._held: Held | None = getattr(message, "held", None)
        self._engine: Engine | None = getattr(message.channel, "engine", None)
        if self._held is not None:
            self._held.request = weakref.ref(self)
            if self._held.eta_epoch_seconds is not None:
                # It was taken out of what Celery schedules by; the task may still ask for it.
                eta = datetime.fromtimestamp(self._held.eta_epoch_seconds, UTC)
                self._request_dict["eta"] = eta.isoformat()
        delivery = message.delivery_info
        self._delivery_info.update(
            sent_timestamp=delivery.get("sent_timestamp"),
            receive_count=delivery.get("receive_count"),
            message_id=delivery.get("message_id"),
        )
        # Celery derives a class from this one whose on_success() may raise what the task
        # raised, into the event loop. The pool is given this guard instead of that method.
        self.on_success = self._on_result

    def revoked(self) -> bool:
        """Whether not to run: also when the message was handed back in the meantime."""
        if self._held is not None and (self._held.withdrawn or self._held.lease.lost):
            if not self._held.withdrawn:
                self._judge(Outcome.LEASE_LOST)
            self.acknowledge()
            return True
        return bool(super().revoked())

    def on_accepted(self, pid: int | None, time_accepted: float) -> None:
        """Note the start: time limit and lease count from here."""
        if self._engine is not None and self._held is not None:
            hard = self.time_limits[0] or self.task.time_limit
            self._engine.started(self._held, at=time_accepted, pid=pid, time_limit_seconds=hard)
        super().on_accepted(pid, time_accepted)

    def _announce_revoked(self, *args: Any, **kwargs: Any) -> None:
        """Judge a task that is not to run, before Celery acknowledges it."""
        self._judge(Outcome.REVOKED)
        super()._announce_revoked(*args, **kwargs)

    def acknowledge(self) -> None:
        """Acknowledge once; a task with ``acks_late`` off does so at its start."""
        if (
            not self.acknowledged
            and not self.task.acks_late
            and self._held is not None
            and self._held.state is State.STARTED
            and self._engine is not None
        ):
            self._engine.delete_early(self._held)
            self.acknowledged = True
            return
        super().acknowledge()

    def on_timeout(self, soft: bool, timeout: float) -> None:
        """Judge a task that ran out of time, whatever its failure handlers do."""
        if soft:
            super().on_timeout(soft, timeout)
            return
        self._judge_overrun(timeout)
        try:
            super().on_timeout(soft, timeout)
        except Exception:
            logger.exception("%s[%s]: a handler of its time limit failed", self.name, self.id)
        finally:
            self._close()

    def _on_result(self, result: Any, **kwargs: Any) -> None:
        """Take a run's result from the pool; nothing a task raised goes any further."""
        try:
            derived: Any = type(self)
            derived.on_success(self, result, **kwargs)
        except BaseException as error:
            # SystemExit, KeyboardInterrupt and MemoryError of a task among them.
            self._judge(Outcome.FAILED, Reason(type(error).__name__, str(error)))
            logger.exception("%s[%s] could not be completed", self.name, self.id)
        finally:
            self._close()

    def on_failure(
        self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False
    ) -> None:
        """Judge a failure and let Celery report it."""
        self._judge_missing_payload(exc_info)
        self._judge_failure(exc_info)
        try:
            super().on_failure(exc_info, send_failed_event, return_ok)
        except Exception:
            logger.exception("%s[%s]: reporting its failure failed", self.name, self.id)
        except (SystemExit, KeyboardInterrupt, MemoryError):
            logger.warning("%s[%s] raised what ends a process", self.name, self.id)
        finally:
            self._close()

    def _judge_missing_payload(self, exc_info: Any) -> None:
        """Judge a task whose arguments could not be fetched from S3; it has not begun.

        While that may pass, it is no failure of the task: Celery is told that it wants the
        message again, so that no errback and no chord hears of it.
        """
        error = exc_info.exception
        if isinstance(error, ExceptionWithTraceback):
            error = error.exc
        missing = failure(error)
        if missing is None:
            return
        reason = Reason(type(missing).__name__, str(missing))
        if isinstance(missing, PayloadUnavailable):
            logger.warning("%s[%s] waits for its arguments: %s", self.name, self.id, missing)
            self._judge(Outcome.NO_PAYLOAD, reason)
            exc_info.exception = Reject(str(missing), requeue=True)
        else:
            self._judge(Outcome.UNDECODABLE, reason)
            exc_info.exception = missing

    def _judge_failure(self, exc_info: Any) -> None:
        error = exc_info.exception
        if isinstance(error, ExceptionWithTraceback):
            error = error.exc
        # Celery wraps what cannot be pickled and keeps the name of its class.
        kind = getattr(error, "exc_cls_name", None) or type(error).__name__
        reason = Reason(str(kind), str(error))
        if isinstance(error, Retry):
            self._judge(Outcome.RETRIED)
        elif isinstance(error, Ignore):
            self._judge(Outcome.IGNORED)
        elif isinstance(error, Reject):
            self._judge(Outcome.REQUEUED if error.requeue else Outcome.REJECTED, reason)
        elif isinstance(error, WorkerLostError | SystemExit | KeyboardInterrupt):
            self._judge(Outcome.CHILD_DIED, reason)
        elif isinstance(error, TimeLimitExceeded):
            match error.args:
                case (int() | float() as seconds,):  # the pool's, which may come before on_timeout
                    self._judge_overrun(seconds)
                case _:
                    self._judge(Outcome.TIMED_OUT, reason)
        else:
            self._judge(Outcome.FAILED, reason)

    def _judge_overrun(self, seconds: float) -> None:
        """Tell a task that ran too long from one whose child had died before its time was up."""
        pid = self._held.pid if self._held is not None else None
        if pid is not None and gone(pid):
            self._judge(Outcome.CHILD_DIED, Reason("WorkerLostError", f"its process {pid} ended"))
        else:
            self._judge(Outcome.TIMED_OUT, _ran_longer(seconds))

    def _success_was_stored(self) -> Any:
        """Take a lost child's task as done if its result says so, as Celery does."""
        stored = super()._success_was_stored()
        if stored:
            self.message.verdict = DONE
        return stored

    def _retry_worker_lost(self, exc: Any, exc_info: Any) -> bool:
        """Take a lost child's task as retried if Celery could send its retry."""
        if self._content_type == CONTENT_TYPE:
            return False  # the arguments are not here: the message itself is handed back
        verdict, self.message.verdict = self.message.verdict, Verdict(Outcome.RETRIED)
        sent = bool(super()._retry_worker_lost(exc, exc_info))
        if not sent:
            self.message.verdict = verdict
        return sent

    def _judge(self, outcome: Outcome, reason: Reason | None = None) -> None:
        """Give the verdict; the first one stands."""
        if self.message.verdict is DONE:
            self.message.verdict = Verdict(outcome, reason)

    def _close(self) -> None:
        """End the message if nobody has, and free the slot it may still occupy."""
        if not self.acknowledged:
            self.acknowledge()
        if self._engine is not None and self._held is not None and not self.task.acks_late:
            self._engine.finished(self._held, self.message.verdict)


def _ran_longer(seconds: float) -> Reason:
    return Reason("TimeLimitExceeded", f"ran longer than {seconds:g} s")
