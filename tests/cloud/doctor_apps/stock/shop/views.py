from celery.events import EventReceiver

from shop.celery import app
from shop.tasks import fetch, send


def view(when):
    send.apply_async(("a",), countdown=60)
    send.apply_async(("a",), eta=when, priority=9, serializer="pickle")
    fetch.delay().get()
    send.chunks([("a",)], 10)
    app.control.inspect().active()
    EventReceiver(None)
