SECRET_KEY = "of a test"
INSTALLED_APPS = ["books"]
TIME_ZONE = "Europe/Berlin"
CELERY_BROKER_URL = "sqs://"
CELERY_TASK_ROUTES = {"books.tasks.*": "books"}
CELERY_BEAT_SCHEDULE = {"daily": {"task": "books.tasks.count", "schedule": 86400}}
