from celery import shared_task

from books.models import Book


@shared_task
def count():
    return Book.objects.count()
