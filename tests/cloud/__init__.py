"""Tests against the local AWS."""
