"""The tables and buckets that the fleet keeps beside its queues."""
