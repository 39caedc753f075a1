"""What bites a Celery application on SQS: read it, judge it by a table of rules, propose."""
