"""What a stack's status says: whether it is there, at work, or can be changed. Pure."""

from __future__ import annotations

from typing import Final

GONE: Final = "DELETE_COMPLETE"
#: A stack that was never created, or only proposed.
ABSENT: Final = frozenset({"", "REVIEW_IN_PROGRESS", GONE})

#: What a new stack is when nothing of it could be made.
STILLBORN: Final = frozenset({"ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_COMPLETE"})

#: One whose first creation failed: nothing is in it, it takes no change, and it can be deleted
#: (User Guide, "Stack status codes").
REMADE: Final = "ROLLBACK_COMPLETE"

_UNMADE: Final = frozenset({"CREATE_FAILED", "ROLLBACK_FAILED"})


def is_busy(status: str) -> bool:
    """Whether CloudFormation is at work on a stack."""
    return status.endswith("_IN_PROGRESS") and status not in ABSENT


def is_there(status: str) -> bool:
    """Whether a stack can be changed as it is, now or once it is at rest."""
    return status not in ABSENT and status != REMADE


def stuck(stack: str, queue: str, status: str, cause: str) -> str:
    """Return why a stack at rest takes no change and what helps, "" where it takes one.

    `queue` is "" for the shared stack, `cause` the event that left it so, "" if it is not known.
    """
    head = f"{stack}: expected a stack that can be changed, it is {status}"
    head = f"{head} ({cause})" if cause else head
    destroy = f"ops stack destroy {queue}".rstrip()
    if status in _UNMADE:
        return (
            f"{head}: its creation failed, and not all of it could be removed: mend the cause, "
            f"remove the rest with {destroy}, and run it again"
        )
    if status == "DELETE_FAILED":
        return f"{head}: its deletion failed: mend the cause and delete it again: {destroy}"
    if status == "UPDATE_ROLLBACK_FAILED":
        return (
            f"{head}: an update failed, and so did taking it back: mend the cause, then aws "
            f"cloudformation continue-update-rollback --stack-name {stack}, and run it again"
        )
    if status == "IMPORT_ROLLBACK_FAILED":
        return (
            f"{head}: an import failed, and so did taking it back: see its events, keep what is to "
            f"stay, and delete the stack by hand: aws cloudformation describe-stack-events "
            f"--stack-name {stack}"
        )
    return ""
