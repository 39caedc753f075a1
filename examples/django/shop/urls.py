"""The shop's addresses."""

from django.urls import path
from orders import views

urlpatterns = [
    path("orders/", views.orders),
    path("orders/<int:order_id>/", views.order),
]
