"""The shop's Celery application, on the fleet that `fleet.toml` declares."""

import os

from celery import Celery

from worker.settings import install

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")

app = Celery("shop")
app.config_from_object("django.conf:settings", namespace="CELERY")
# After the application's own settings, so that the manifest's stand; before the tasks.
install(app)
app.autodiscover_tasks()
