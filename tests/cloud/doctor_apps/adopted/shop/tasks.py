from celery import shared_task


@shared_task(name="shop.mail.report", time_limit=12 * 3600)
def report():
    report.apply_async(countdown=3600)


@shared_task(name="shop.lost")
def lost():
    report.apply_async(queue="urgent")
