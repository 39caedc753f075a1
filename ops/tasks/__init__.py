"""Tasks: publishing them from a file, and asking after one."""
