import subprocess

from celery import chord

from shop.celery import app


@app.task(time_limit=13 * 3600)
def report():
    subprocess.run(["true"], check=True)


@app.task(bind=True, rate_limit="10/m", priority=3, serializer="yaml")
def send(self, to):
    self.request.delivery_info["sqs_message"]
    raise self.retry(countdown=3600)


@app.task(autoretry_for=(OSError,), retry_backoff=True)
def fetch():
    chord([report.si()], send.s())()
