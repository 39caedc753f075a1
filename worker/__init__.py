"""What runs beside a task: the manifest, the SQS transport, leases and the drain."""
