"""Lambda for the local AWS: a function is a process of this machine, not a container."""
