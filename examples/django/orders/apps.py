"""The application as Django knows it."""

from django.apps import AppConfig


class OrdersConfig(AppConfig):
    """Orders and their mails."""

    name = "orders"
