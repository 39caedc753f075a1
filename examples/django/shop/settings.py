"""Settings of the shop. What differs from machine to machine is in variables named SHOP_*."""

import os
from pathlib import Path

from django.core.management.utils import get_random_secret_key

BASE_DIR = Path(__file__).resolve().parent.parent

# Nothing here signs what outlives a process: without one of its own, each process makes one up.
SECRET_KEY = os.environ.get("SHOP_SECRET_KEY") or get_random_secret_key()
DEBUG = os.environ.get("SHOP_DEBUG") == "1"
ALLOWED_HOSTS = os.environ.get("SHOP_HOSTS", "127.0.0.1,localhost").split(",")

INSTALLED_APPS = ["orders"]
MIDDLEWARE = ["django.middleware.security.SecurityMiddleware"]
ROOT_URLCONF = "shop.urls"
WSGI_APPLICATION = "shop.wsgi.application"

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("SHOP_DATABASE", str(BASE_DIR / "db.sqlite3")),
        # The web server and the workers write side by side: take the lock when a transaction
        # begins, and wait for it.
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
EMAIL_FILE_PATH = os.environ.get("SHOP_MAILS", str(BASE_DIR / "mails"))
DEFAULT_FROM_EMAIL = "orders@shop.example"

# An order is a few hundred bytes.
DATA_UPLOAD_MAX_MEMORY_SIZE = 16_384
USE_TZ = True
TIME_ZONE = "Europe/Dublin"

# What the manifest does not say stays the application's own.
CELERY_TIMEZONE = TIME_ZONE
CELERY_TASK_IGNORE_RESULT = True
