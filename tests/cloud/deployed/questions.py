"""The question for each type of resources."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tests.cloud.deployed import ask_nodes, ask_services, ask_stores, ask_told, ask_work
from tests.cloud.deployed.asking import Facts, Question, Resource

QUESTIONS: Mapping[str, Question] = MappingProxyType(
    {
        kind: question
        for module in (ask_nodes, ask_services, ask_stores, ask_told, ask_work)
        for kind, question in module.QUESTIONS.items()
    }
)


def ask(resource: Resource) -> Facts | None:
    """Ask a resource's service about it; None where it is not there.

    Raises AssertionError for a type that nobody has written a question for.
    """
    assert resource.kind in QUESTIONS, f"{resource.kind}: write a question for {resource.logical}"
    return QUESTIONS[resource.kind](resource)
