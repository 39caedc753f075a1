"""``bulk``: one task, many arguments, published in batches side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from random import Random
from typing import Any, Final, TypeAlias

from celery import Celery, Task
from celery.canvas import Signature
from celery.result import AsyncResult
from kombu.exceptions import EncodeError

from worker.publish.account import Account, InOrder
from worker.publish.interrupts import Interrupts
from worker.publish.items import Call, Interrupted, Report, Stopped, WrongItem, as_call
from worker.publish.message import Maker, Prepared
from worker.publish.target import Target, target
from worker.publish.template import Template, is_plain
from worker.sqs import transport
from worker.sqs.client import CONNECTIONS
from worker.sqs.errors import describe
from worker.sqs.outgoing import MessageTooLarge
from worker.sqs.sender import THREADS, Outcome, Sender

#: What an item may be: arguments, keyword arguments, or both with an id.
Item: TypeAlias = tuple[Any, ...] | list[Any] | Mapping[str, Any] | Call

#: So far no item may be ahead of the oldest whose end is not known: bounds what is kept.
LAG_AT_MOST: Final = 10_000

_END: Final = object()


def bulk(
    what: Task | Signature | str,
    items: Iterable[Item],
    *,
    app: Celery | None = None,
    threads: int = THREADS,
    on_sent: Callable[[int, AsyncResult], None] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    **options: Any,
) -> Report:
    """Publish a call of a task for each item, ten a request and ``threads`` requests at a time.

    ``what`` is a task, a signature (whose arguments follow the item's, as ``apply_async`` joins
    them) or a task's name with the ``app`` that sends it. An item is a tuple or list of arguments,
    a mapping of keyword arguments, or a ``Call``. ``options`` are those of ``apply_async``, the
    same for all. Items are taken as they are sent: an iterable of millions takes no more memory
    than one of thousands. No order is promised.

    ``on_sent(index, result)`` is called for each task that SQS has, in the order of the items;
    ``on_progress(sent, refused)`` after each answer of SQS's. Both, like the signals of Celery,
    run in the calling thread; ``after_task_publish`` once SQS has the task.

    Returns a ``Report``. Items that SQS refuses, such as those over its limit, are in there; all
    other trouble stops it: ``Stopped`` (``WrongItem`` for an item that the task cannot be called
    with) and, on Ctrl-C, ``Interrupted`` carry the report of what was sent until then. Before
    anything is sent it raises TypeError, ``Unrouted`` and what looking up a queue raises.
    """
    if "task_id" in options or "producer" in options:
        raise TypeError("expected task ids in the items (Call), and no producer")
    if not 1 <= threads <= CONNECTIONS:
        raise ValueError(f"threads: expected 1 to {CONNECTIONS}, found {threads}")
    called = target(what, app)
    with called.app.producer_or_acquire() as pooled:
        broker = pooled.connection.transport
        if not isinstance(broker, transport.Transport):
            raise TypeError(
                f"{called.app.main}: expected the fleet's broker ({transport.SCHEME}://), found "
                f"{pooled.connection.transport_cls}: see worker.settings.install"
            )
        if called.app.conf.task_protocol != 2:
            raise TypeError(f"{called.app.main}: task_protocol: expected 2, found another")
        run = _Bulk(
            called, options, broker, threads=threads, on_sent=on_sent, on_progress=on_progress
        )
        return run.run(iter(items))


class _Bulk:
    def __init__(
        self,
        called: Target,
        options: Mapping[str, Any],
        broker: transport.Transport,
        *,
        threads: int,
        on_sent: Callable[[int, AsyncResult], None] | None,
        on_progress: Callable[[int, int], None] | None,
    ) -> None:
        self._called = called
        self._options = options
        self._maker = Maker(called, options, broker)
        self._make: Callable[[Call], Prepared | Any] = self._make_first
        self._sender: Sender[int] = Sender(broker.unretried, self._maker.url_of, Random(), threads)  # noqa: S311
        self._account: Account[Prepared | None] = Account()
        self._results: InOrder[AsyncResult] = InOrder()
        self._interrupts = Interrupts(self._sender.hurry)
        self._on_sent = on_sent
        self._on_progress = on_progress

    def run(self, items: Iterator[Item]) -> Report:
        """Publish; see ``bulk``."""
        stopped: BaseException | None = None
        try:
            with self._interrupts:
                try:
                    self._take_all(items)
                except BaseException as error:
                    stopped = error
                stopped = self._finish(stopped)
        finally:
            self._sender.close()
        return self._end(stopped)

    # -- taking ----------------------------------------------------------------------------------

    def _take_all(self, items: Iterator[Item]) -> None:
        interrupts = self._interrupts
        while not interrupts.asked:
            interrupts.taking = True
            try:
                item: Any = next(items, _END)
            finally:
                interrupts.taking = False
            if item is _END:
                return
            self._take(item)
            self._settle()

    def _take(self, item: Item) -> None:
        try:
            made = self._make(as_call(item))
        except MessageTooLarge as error:
            self._refuse(self._account.take(None), str(error))
            return
        except (TypeError, EncodeError) as error:
            raise _Wrong(error) from error
        if isinstance(made, Prepared):
            self._sender.offer(self._account.taken, made.outgoing)
            self._account.take(made)
            return
        index = self._account.take(None)  # task_always_eager: it has run
        self._account.confirm(index)
        self._results.put(index, made)
        self._tell()

    def _make_first(self, call: Call) -> Prepared | Any:
        made = self._maker.make(call)
        self._make = self._maker.make
        if isinstance(made, Prepared) and is_plain(self._called, self._options, made):
            template = Template(self._called, self._options, self._maker.producer, made)
            self._make = template.make
        return made

    # -- what became of it -----------------------------------------------------------------------

    def _settle(self) -> None:
        """Note what has been answered; wait for answers where too much is under way."""
        behind = self._account.lag >= LAG_AT_MOST
        if behind:
            self._sender.flush()  # the oldest may be waiting for its batch to fill
        full = self._sender.full
        while (outcome := self._sender.outcome(wait=behind or full)) is not None:
            self._note(outcome)
            behind = self._account.lag >= LAG_AT_MOST
            full = full and not self._sender.has_room

    def _note(self, outcome: Outcome[int]) -> None:
        confirmed = [(index, self._account.confirm(index)) for index in outcome.sent]
        for index, reason in outcome.refused:
            self._refuse(index, reason)
        for index, made in confirmed:
            if made is not None:
                made.announce()
                self._results.put(index, self._result(made))
        self._tell()
        if outcome.error is not None:
            self._sender.hurry()
            raise outcome.error

    def _refuse(self, index: int, reason: str) -> None:
        self._account.refuse(index, reason)
        self._results.put(index, None)

    def _tell(self) -> None:
        for index, result in self._results.ready():
            if self._on_sent is not None:
                self._on_sent(index, result)
        if self._on_progress is not None:
            self._on_progress(self._account.sent, self._account.refused)

    def _result(self, made: Prepared) -> AsyncResult | None:
        if self._on_sent is None:
            return None
        owner = self._called.app if self._called.task is None else self._called.task
        result = owner.AsyncResult(made.task_id)
        result.ignored = made.headers["ignore_result"]
        return result

    # -- the end ---------------------------------------------------------------------------------

    def _finish(self, stopped: BaseException | None) -> BaseException | None:
        """Send what was taken, and return what stopped it all, if anything did."""
        if self._interrupts.insisted:
            return stopped
        try:
            self._sender.flush()
            while (outcome := self._sender.outcome(wait=True)) is not None:
                try:
                    self._note(outcome)
                except Exception as error:
                    stopped = error if stopped is None else stopped
        except KeyboardInterrupt as error:  # the second: leave what is under way
            return error
        return stopped

    def _end(self, stopped: BaseException | None) -> Report:
        report = self._account.report()
        if self._interrupts.asked or isinstance(stopped, KeyboardInterrupt):
            raise Interrupted(report) from None
        if stopped is None:
            return report
        if isinstance(stopped, _Wrong):
            cause = stopped.error
            raise WrongItem(report, f"item {report.next_index}: {cause}") from cause
        if not isinstance(stopped, Exception):
            stopped.add_note(str(report))
            raise stopped
        if report.next_index == 0:
            raise stopped
        raise Stopped(report, describe(stopped)) from stopped


class _Wrong(Exception):
    def __init__(self, error: Exception) -> None:
        self.error = error
