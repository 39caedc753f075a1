"""Sends the demo's work, as any program does: `python -m media.demo.producer 20 200 40 20`."""

import time
from collections import defaultdict
from collections.abc import Iterable

import click
from celery import current_app

from media import tasks
from media.demo.orders import Order, Sizes, mixed, orders, waves
from media.demo.recording import Recorder
from worker.publish import batching

_TASKS = {
    task.name: task
    for task in (
        tasks.transcode,
        tasks.make_statement,
        tasks.send_statement,
        tasks.send_notice,
        tasks.classify_document,
    )
}


def publish(ordered: Iterable[Order], seconds: float) -> None:
    """Send each order that comes after no other, ten a request; what comes after it is linked.

    They are sent in three waves, the last one after `seconds`.
    """
    links = defaultdict(list)
    firsts = []
    for order in ordered:
        if order.after is None:
            firsts.append(order)
            continue
        task = _TASKS[order.task]
        signature = task.si(*order.args) if order.args else task.s()
        links[order.after].append(signature.set(task_id=order.id))
    begun = time.monotonic()
    for at, wave in waves(mixed(firsts)):
        time.sleep(max(0.0, begun + at * seconds - time.monotonic()))
        with batching(current_app) as producer:
            for order in wave:
                _TASKS[order.task].apply_async(
                    order.args,
                    task_id=order.id,
                    link=links[order.id],
                    countdown=order.countdown_seconds or None,
                    producer=producer,
                )


@click.command()
@click.argument("clips", type=int)
@click.argument("statements", type=int)
@click.argument("documents", type=int)
@click.argument("seconds", type=float)
def main(clips: int, statements: int, documents: int, seconds: float) -> None:
    """Send that much work of each kind, within that time."""
    Recorder.of_this_process().connect()
    publish(orders(Sizes(clips, statements, documents)).values(), seconds)


if __name__ == "__main__":
    main()
