"""The media fleet on one machine, with a kill and a drain: `python -m media.demo`."""
