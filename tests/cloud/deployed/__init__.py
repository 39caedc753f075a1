"""What the templates make, asked of each service as an operator would, type by type."""
