"""Plain Celery on SQS, as its documentation sets it up, with the settings under comparison."""

import os

from celery import Celery

queue_url = os.environ["BENCH_QUEUE_URL"]
endpoint = os.environ["AWS_ENDPOINT_URL_SQS"]

app = Celery("stock")
app.conf.update(
    broker_url=f"sqs://bench:bench@{endpoint.removeprefix('http://')}//",
    broker_transport_options={
        "region": "eu-west-1",
        "is_secure": False,
        "wait_time_seconds": 20,
        "predefined_queues": {"bench": {"url": queue_url}},
        **(
            {"polling_interval": float(os.environ["BENCH_POLLING_INTERVAL"])}
            if "BENCH_POLLING_INTERVAL" in os.environ
            else {}
        ),
    },
    imports=("bench_tasks",),
    task_default_queue="bench",
    task_create_missing_queues=True,
    task_acks_late=True,
    worker_prefetch_multiplier=1,
    worker_enable_remote_control=False,
    broker_connection_retry_on_startup=True,
)
