"""Orders over HTTP. Tasks are published when the transaction that made the row has ended."""

import json

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, JsonResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET, require_POST

from orders.models import Order
from orders.tasks import confirm, remind

_REMIND_AFTER_SECONDS = 10 * 60


@require_POST
def orders(request: HttpRequest) -> JsonResponse:
    """Take an order: `{"email": ..., "amount_cents": ...}`."""
    try:
        told = json.loads(request.body)
        order = Order(email=told["email"], amount_cents=told["amount_cents"])
        order.full_clean()
    except (ValueError, TypeError, KeyError, ValidationError):
        wanted = "expected JSON with an email and an amount_cents of at least 0"
        return JsonResponse({"error": wanted}, status=400)
    with transaction.atomic():
        order.save()
        # A worker may be faster than this commit: it would look for a row that is not there yet.
        confirm.delay_on_commit(order.pk)
        remind.apply_async_on_commit((order.pk,), countdown=_REMIND_AFTER_SECONDS)
    return JsonResponse(_shown(order), status=201)


@require_GET
def order(_request: HttpRequest, order_id: int) -> JsonResponse:
    """Show an order."""
    return JsonResponse(_shown(get_object_or_404(Order, pk=order_id)))


def _shown(order: Order) -> dict[str, object]:
    return {
        "id": order.pk,
        "amount_cents": order.amount_cents,
        "confirmed": order.confirmed_at is not None,
        "reminded": order.reminded_at is not None,
    }
