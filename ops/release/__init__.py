"""Releases of the application: what a node needs, as one file in S3."""
