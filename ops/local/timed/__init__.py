"""What the local AWS does by the clock: rules with a schedule, and schedules."""
