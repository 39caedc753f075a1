"""Benchmarks: runs side by side with plain Celery, on one machine, in one run."""
