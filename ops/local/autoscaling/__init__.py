"""Auto Scaling whose instances are machines: hooks, health, replacement and their events."""
