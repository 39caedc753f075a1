"""What is read out of CloudFormation's answers: changes, failures, ends, drift."""

from __future__ import annotations

from typing import Any

import pytest

from ops.stack.applied import Applied
from ops.stack.changes import (
    Change,
    Ended,
    failed,
    from_resources,
    is_nothing,
    read_changes,
)
from ops.stack.events import first_failure
from ops.stack.importable import Importable
from ops.stack.importing import as_imports
from ops.stack.there import Stack, There
from ops.stack.whose import Found, Import

QUEUE = "AWS::SQS::Queue"


def changed(action: str, **more: Any) -> dict[str, Any]:
    resource = {"Action": action, "LogicalResourceId": "Messages", "ResourceType": QUEUE, **more}
    return {"Type": "Resource", "ResourceChange": resource}


def event(name: str, status: str, reason: str | None = None) -> dict[str, Any]:
    more = {} if reason is None else {"ResourceStatusReason": reason}
    return {"LogicalResourceId": name, "ResourceType": QUEUE, "ResourceStatus": status, **more}


@pytest.mark.parametrize(
    ("found", "word", "loses"),
    [
        (changed("Add"), "create", False),
        (changed("Modify"), "change", False),
        (changed("Modify", Replacement="False"), "change", False),
        (changed("Modify", Replacement="True"), "replace", True),
        (changed("Modify", Replacement="Conditional"), "perhaps replace", True),
        (changed("Remove"), "delete", True),
        (changed("Import"), "import", False),
        (changed("Dynamic"), "perhaps change", False),
        (changed("Rename"), "rename", False),
        (changed("SyncWithActual"), "record", False),
        # What was deleted, which one of the two that is is not documented.
        (changed("Add", ResourceDriftStatus="DELETED"), "make again", False),
        (changed("Modify", ResourceDriftStatus="DELETED"), "make again", False),
        (changed("Remove", ResourceDriftStatus="DELETED"), "delete", True),
        (changed("Modify", ResourceDriftStatus="MODIFIED"), "change", False),
    ],
)
def test_each_action_has_its_word(found: dict[str, Any], word: str, loses: bool) -> None:
    (change,) = read_changes([{"Changes": [found]}])
    assert change == Change(word, "Messages", QUEUE)
    assert change.loses is loses


def test_changes_are_read_over_all_pages_in_their_order() -> None:
    pages = [
        {"Changes": [changed("Add", LogicalResourceId="B"), {"Type": "Hook"}]},
        {},
        {"Changes": [changed("Add", LogicalResourceId="A")]},
    ]
    assert [change.logical_id for change in read_changes(pages)] == ["B", "A"]


def test_a_change_names_each_property_once() -> None:
    details = [
        {"Target": {"Attribute": "Properties", "Name": "VisibilityTimeout"}},
        {"Target": {"Attribute": "Tags"}},
        {"Target": {"Attribute": "Properties", "Name": "VisibilityTimeout"}},
        {},
    ]
    (change,) = read_changes([{"Changes": [changed("Modify", Details=details)]}])
    assert change.what == ("VisibilityTimeout", "Tags")
    assert change.row("shop-queue-mail") == {
        "stack": "shop-queue-mail",
        "change": "change",
        "resource": "Messages",
        "type": "SQS::Queue",
        "what": "VisibilityTimeout, Tags",
    }


def test_a_row_without_properties_names_what_is_there() -> None:
    assert Change("delete", "M", QUEUE, "https://q").row("s")["what"] == "https://q"
    assert Change("create", "M", QUEUE).row("s")["what"] is None


def test_what_is_there_already_is_imported() -> None:
    made = from_resources({"Messages": {"Type": QUEUE}, "Role": {"Type": "AWS::IAM::Role"}})
    one = Import(Importable(QUEUE, "QueueUrl", "shop-mail"), Found("https://q", {}))
    assert as_imports(made, {"Messages": one}) == (
        Change("import", "Messages", QUEUE, "https://q"),
        Change("create", "Role", "AWS::IAM::Role"),
    )


@pytest.mark.parametrize(
    ("reason", "nothing"),
    [
        (
            "The submitted information didn't contain changes. Submit different information to "
            "create a change set.",
            True,
        ),
        ("No updates are to be performed.", True),
        ("Unable to fetch parameters [/shop/image] from parameter store", False),
        ("", False),
    ],
)
def test_only_a_change_set_without_changes_is_nothing(reason: str, nothing: bool) -> None:
    assert is_nothing(reason) is nothing


@pytest.mark.parametrize(
    ("status", "bad"),
    [
        ("CREATE_COMPLETE", False),
        ("UPDATE_COMPLETE", False),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", False),
        ("IMPORT_COMPLETE", False),
        ("DELETE_COMPLETE", False),
        ("", False),
        ("CREATE_FAILED", True),
        ("DELETE_FAILED", True),
        ("ROLLBACK_COMPLETE", True),
        ("UPDATE_ROLLBACK_COMPLETE", True),
        ("UPDATE_ROLLBACK_FAILED", True),
        ("IMPORT_ROLLBACK_COMPLETE", True),
    ],
)
def test_what_a_status_says(status: str, bad: bool) -> None:
    assert failed(status) is bad


def test_the_first_event_that_failed_by_itself_is_the_cause() -> None:
    newest_first = [
        event("shop-queue-mail", "ROLLBACK_COMPLETE"),
        event("shop-queue-mail", "ROLLBACK_IN_PROGRESS", "The following failed: [Group, Role]"),
        event("Role", "CREATE_FAILED", "Resource creation cancelled"),
        event("Group", "CREATE_FAILED", "You have reached\n  the limit of groups"),
        event("Alarm", "CREATE_FAILED", "Resource creation cancelled"),
        event("Messages", "CREATE_COMPLETE"),
        event("shop-queue-mail", "CREATE_IN_PROGRESS", "User Initiated"),
    ]
    assert first_failure(newest_first) == "Group (SQS::Queue): You have reached the limit of groups"


def test_of_two_failures_the_older_is_the_cause() -> None:
    newest_first = [event("B", "CREATE_FAILED", "later"), event("A", "CREATE_FAILED", "sooner")]
    assert first_failure(newest_first) == "A (SQS::Queue): sooner"


def test_a_failure_without_a_reason_is_named_by_its_status() -> None:
    assert first_failure([event("Group", "UPDATE_FAILED")]) == "Group (SQS::Queue): UPDATE_FAILED"


def test_where_no_resource_failed_the_rollback_s_reason_is_the_cause() -> None:
    events = [
        event("shop-queue-mail", "ROLLBACK_COMPLETE", "later"),
        event("shop-queue-mail", "ROLLBACK_IN_PROGRESS", "Unable to fetch parameters [/x]"),
        event("Messages", "CREATE_FAILED", "Resource creation cancelled"),
    ]
    assert first_failure(events).endswith(": Unable to fetch parameters [/x]")


def test_where_nothing_failed_there_is_no_cause() -> None:
    assert first_failure([]) == ""
    assert first_failure([event("Messages", "CREATE_COMPLETE", "Eventual consistency")]) == ""


@pytest.mark.parametrize(
    ("ended", "words"),
    [
        (Ended("s", "NO_CHANGE"), "s: the template brings no change"),
        (Ended("s", "CREATE_COMPLETE", seconds=16.6), "s: create complete (17 s)"),
        (Ended("s", "ROLLBACK_COMPLETE", "Group: no"), "s: failed (0 s)"),
    ],
)
def test_an_end_in_words(ended: Ended, words: str) -> None:
    assert ended.in_words() == words


def test_what_failed_and_what_was_not_begun_are_both_told() -> None:
    first = Applied((Ended("a", "CREATE_COMPLETE"),))
    second = Applied((Ended("c", "ROLLBACK_COMPLETE", "Group: no"),), ("e", "d"))
    both = first.then(second)
    assert first.well
    assert not both.well
    assert not Applied(left=("d",)).well
    assert both.troubles() == ["c: Group: no", "not begun: d, e"]


def test_the_fleet_s_own_stacks_are_known_by_their_tags() -> None:
    there = There(
        {
            "shop-shared": Stack("shop-shared", "CREATE_COMPLETE", ""),
            "shop-queue-mail": Stack("shop-queue-mail", "CREATE_COMPLETE", "mail"),
            "shop-queue-old": Stack("shop-queue-old", "UPDATE_COMPLETE", "old"),
        }
    )
    assert there.status("shop-queue-old") == "UPDATE_COMPLETE"
    assert there.status("shop-queue-new") == ""
    assert there.queues_beside(["mail", "new"]) == ("old",)
