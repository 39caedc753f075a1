"""The manifest's schedules: when they fire, on EventBridge Scheduler and without it."""
