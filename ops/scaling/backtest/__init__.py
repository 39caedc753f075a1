"""What a policy would have done with a trace: the production decisions over a simulated queue."""
