"""An application on kombu's own SQS, with most of what can be wrong in settings."""

from celery import Celery
from celery.schedules import crontab
from kombu import Exchange, Queue

print("printed at import")

app = Celery("shop", include=["shop.tasks", "shop.views"])
app.conf.update(
    broker_url="sqs://AKIAEXAMPLE:very%2Fsecret@",
    broker_transport_options={
        "region": "eu-west-1",
        "visibility_timeout": 600,
        "queue_name_prefix": "prod-",
        "polling_interval": 5,
        "predefined_queues": {
            "mail": {"url": "https://sqs/1/prod-mail", "secret_access_key": "very-secret"}
        },
    },
    result_backend="rpc://",
    task_serializer="pickle",
    accept_content=["pickle", "json"],
    task_time_limit=3600,
    task_protocol=1,
    task_always_eager=True,
    task_queue_max_priority=10,
    task_send_sent_event=True,
    worker_send_task_events=True,
    worker_pool="gevent",
    task_queues=[
        Queue("celery"),
        Queue("mail", queue_arguments={"x-max-priority": 5}),
        Queue("all", Exchange("all", type="fanout")),
        Queue("in-order.fifo"),
    ],
    task_routes={"shop.tasks.send": {"queue": "mail"}},
    beat_schedule={"report": {"task": "shop.tasks.report", "schedule": crontab(hour=3, minute=5)}},
)


@app.on_after_finalize.connect
def periodic(sender, **_):
    sender.add_periodic_task(10.0, sender.tasks["shop.tasks.report"].s(), name="often")
