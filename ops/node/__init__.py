"""The node: what runs beside a worker and speaks to it."""
