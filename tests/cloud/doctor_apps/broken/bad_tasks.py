from celery import Celery

app = Celery("bad", include=["raises"])
