"""The shop's tasks. Each may run twice, and then sends its mail once.

The row is claimed and the mail sent in one transaction: a mail that cannot be sent leaves the row
as it was, for the retry. A worker that dies between the mail and the commit has it sent again;
what keeps that from happening is a mail server that knows the Message-ID, which is the same.
"""

from datetime import timedelta

from celery import shared_task
from django.core.mail import EmailMessage
from django.db import transaction
from django.utils import timezone

from orders.models import Order

_RETRY = {"autoretry_for": (OSError,), "retry_backoff": 2, "retry_backoff_max": 300}


@shared_task(**_RETRY)
def confirm(order_id: int) -> None:
    """Mail the confirmation of an order."""
    with transaction.atomic():
        open_ = Order.objects.filter(pk=order_id, confirmed_at=None)
        if open_.update(confirmed_at=timezone.now()):
            _mail(order_id, "confirmed", "Thank you: we have your order.")


@shared_task(**_RETRY)
def remind(order_id: int) -> None:
    """Mail a reminder, unless the order is paid by now."""
    with transaction.atomic():
        unpaid = Order.objects.filter(pk=order_id, paid=False, reminded_at=None)
        if unpaid.update(reminded_at=timezone.now()):
            _mail(order_id, "waiting", "Your order waits for its payment.")


@shared_task
def forget_old(days: int) -> int:
    """Delete the orders that are older than `days`, and return how many these were."""
    deleted, _ = Order.objects.filter(created_at__lt=timezone.now() - timedelta(days=days)).delete()
    return deleted


def _mail(order_id: int, what: str, text: str) -> None:
    order = Order.objects.get(pk=order_id)
    EmailMessage(
        f"Order {order_id}: {what}",
        f"{text}\n\nOrder {order_id}, {order.amount_cents / 100:.2f}\n",
        to=[order.email],
        headers={"Message-ID": f"<order-{order_id}-{what}@shop.example>"},
    ).send()
