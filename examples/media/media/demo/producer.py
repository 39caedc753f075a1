"""Sends the demo's work, as any program does: `python -m media.demo.producer 36 400 60`."""

from collections import defaultdict
from collections.abc import Iterable

import click
from celery import current_app

from media import tasks
from media.demo.orders import QUEUES, Order, Sizes, orders
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


def publish(ordered: Iterable[Order]) -> None:
    """Send each order that comes after no other, ten a request; what comes after it is linked."""
    links = defaultdict(list)
    firsts = []
    for order in ordered:
        if order.after is None:
            firsts.append(order)
            continue
        task = _TASKS[order.task]
        signature = task.si(*order.args) if order.args else task.s()
        links[order.after].append(signature.set(task_id=order.id))
    with batching(current_app) as producer:
        for order in mixed(firsts):
            _TASKS[order.task].apply_async(
                order.args,
                task_id=order.id,
                link=links[order.id],
                countdown=order.countdown_seconds or None,
                producer=producer,
            )


def mixed(ordered: list[Order]) -> list[Order]:
    """Return the orders with each queue's spread evenly over the whole."""
    places = []
    for queue in QUEUES:
        own = [order for order in ordered if order.queue == queue]
        places += [((place + 0.5) / len(own), order) for place, order in enumerate(own)]
    return [order for _, order in sorted(places, key=lambda placed: placed[0])]


@click.command()
@click.argument("clips", type=int)
@click.argument("statements", type=int)
@click.argument("documents", type=int)
def main(clips: int, statements: int, documents: int) -> None:
    """Send that much work of each kind."""
    Recorder.of_this_process().connect()
    publish(orders(Sizes(clips, statements, documents)).values())


if __name__ == "__main__":
    main()
