"""The broker: kombu's SQS transport with polling, leases and acknowledgements of our own."""
