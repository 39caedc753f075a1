"""Scaling: signals are read, one pure function decides, what it says is carried out and kept."""
