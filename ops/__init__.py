"""What governs the fleet: the `ops` command line and everything it wires together."""
