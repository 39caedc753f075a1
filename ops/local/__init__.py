"""A fleet on one machine: a local AWS, and the processes of the fleet."""
