"""The media fleet on one machine, from no node to no node: `python -m media.demo`."""
