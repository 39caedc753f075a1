"""Orders: taken over HTTP, confirmed by mail in a task."""
