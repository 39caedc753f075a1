"""What goes wrong with a stack: what AWS would refuse, and what this AWS does not do."""

from __future__ import annotations


class Invalid(Exception):
    """A template, parameter or request that CloudFormation refuses (ValidationError)."""


class Refused(Exception):
    """A resource that cannot be made; the text becomes its ResourceStatusReason."""
