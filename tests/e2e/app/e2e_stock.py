"""The same tasks on stock Celery and kombu, set up as Celery's documentation says for SQS.

``E2E_QUEUE_URL`` is the queue's, ``E2E_STOCK_IMPORTS`` names the modules of tasks.
"""

import os

from celery import Celery

app = Celery("stock")
app.conf.update(
    broker_url=f"sqs://test:test@{os.environ['AWS_ENDPOINT_URL_SQS'].removeprefix('http://')}//",
    broker_transport_options={
        "region": "eu-west-1",
        "is_secure": False,
        "wait_time_seconds": 2,
        "polling_interval": 0,
        "predefined_queues": {"work": {"url": os.environ["E2E_QUEUE_URL"]}},
    },
    imports=os.environ.get("E2E_STOCK_IMPORTS", "e2e_tasks").split(","),
    task_default_queue="work",
    task_acks_late=True,
    worker_enable_remote_control=False,
    broker_connection_retry_on_startup=True,
)
