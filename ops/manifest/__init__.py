"""What is derived from the manifest's types for people and editors: schema, reference."""
