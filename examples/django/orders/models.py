"""What is kept of an order."""

from django.db import models


class Order(models.Model):
    """An order: whose, how much, and which mails have gone out."""

    email = models.EmailField()
    amount_cents = models.PositiveIntegerField()
    paid = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    reminded_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"order {self.pk}"
