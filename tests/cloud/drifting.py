"""A fleet `drift` whose queue has windows that touch, and what somebody changes of it by hand."""

from __future__ import annotations

from tests.cloud.stack_shop import Shop

TOUCHING = """
nodes = { max = 4 }
scaling.windows = [
  { begins = "0 8 * * 1", ends = "0 12 * * 1", min = 2 },
  { begins = "0 12 * * 1", ends = "0 18 * * 1", min = 3 },
  { begins = "0 1 1 * *", ends = "0 2 1 * *", min = 1 },
]
"""


def bounds(shop: Shop, **changed: int) -> tuple[int, int]:
    """The bounds of the group, after they were changed."""
    api = shop.client("autoscaling")
    if changed:
        api.update_auto_scaling_group(AutoScalingGroupName="drift-mail", **changed)
    (found,) = api.describe_auto_scaling_groups(AutoScalingGroupNames=["drift-mail"])[
        "AutoScalingGroups"
    ]
    return found["MinSize"], found["MaxSize"]


def visibility(shop: Shop, queue: str, changed: str = "") -> str:
    api, url = shop.client("sqs"), shop.queue_url(queue)
    if changed:
        api.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": changed})
    found = api.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])
    value: str = found["Attributes"]["VisibilityTimeout"]
    return value


def by_hand(shop: Shop) -> None:
    """Change and delete what an operator might."""
    visibility(shop, "mail", "99")
    bounds(shop, MinSize=3, MaxSize=7)
    shop.client("autoscaling").delete_lifecycle_hook(
        AutoScalingGroupName="drift-mail", LifecycleHookName="fleet-leave"
    )
    shop.client("events").disable_rule(Name="drift-forwarder")
    shop.client("sqs").delete_queue(QueueUrl=shop.queue_url("mail-dlq"))
    shop.client("dynamodb").delete_table(TableName="drift-waiting")


def plan(shop: Shop) -> list[tuple[str, str, str, str | None]]:
    return shop.plan("mail", "--revert-drift")
