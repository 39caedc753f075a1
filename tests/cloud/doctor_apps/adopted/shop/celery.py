"""An application on the fleet, with what bites there too."""

from celery import Celery
from celery.schedules import crontab

from worker.settings import install

app = Celery("shop")
install(app)
app.conf.beat_schedule = {
    "report": {"task": "shop.mail.report", "schedule": crontab(hour=3, minute=5)}
}
app.conf.task_acks_late = False
