"""The fleet's queues on SQS: read what is there, plan what differs, apply it."""
