"""The calls for warm pools, and what DescribeAutoScalingGroups tells of them.

A group's own list of instances has none of the pool's: it tells the pool's size, and
DescribeWarmPool its instances.
"""

from __future__ import annotations

from typing import Any, Final

from moto.autoscaling.exceptions import AutoscalingClientError, ValidationError
from moto.autoscaling.models import FakeAutoScalingGroup
from moto.core.responses import ActionResult, EmptyResult

from ops.local.autoscaling import pool
from ops.local.autoscaling.groups import Groups
from ops.local.lifecycle import Pool

_PAGE: Final = 50


def install(answer: Any, groups: Groups) -> None:
    """Put the calls on the class `answer` of moto that answers them."""
    answer.put_warm_pool = _put(groups)
    answer.describe_warm_pool = _describe(groups)
    answer.delete_warm_pool = _delete(groups)
    FakeAutoScalingGroup.instances = property(
        lambda group: [each for each in group.instance_states if not _warm(each)]
    )
    FakeAutoScalingGroup.warm_pool_size = property(
        lambda group: (
            sum(_warm(each) for each in group.instance_states) if group.warm_pool else None
        )
    )


def _warm(state: Any) -> bool:
    return str(state.lifecycle_state).startswith("Warmed:")


def _group(answer: Any) -> Any:
    name = answer._get_param("AutoScalingGroupName")
    group = answer.autoscaling_backend.autoscaling_groups.get(name)
    if group is None:
        raise ValidationError(
            f"AutoScalingGroup name not found - AutoScalingGroup {name} not found"
        )
    return group


def _put(groups: Groups) -> Any:
    def put_warm_pool(answer: Any) -> Any:
        wanted = answer._get_params()
        state = wanted.get("PoolState") or Pool.STOPPED
        if state == "Hibernated":
            raise ValidationError(
                "PoolState Hibernated: expected Stopped or Running: machines of the local AWS do "
                "not hibernate."
            )
        if state not in set(Pool):
            raise ValidationError(f"PoolState {state} must be Stopped, Running or Hibernated.")
        with groups.lock:
            group = _group(answer)
            group.put_warm_pool(
                max_group_prepared_capacity=answer._get_int_param("MaxGroupPreparedCapacity"),
                min_size=answer._get_int_param("MinSize"),
                pool_state=state,
                instance_reuse_policy=wanted.get("InstanceReusePolicy"),
            )
            groups.settle(group)
        return EmptyResult()

    return put_warm_pool


def _describe(groups: Groups) -> Any:
    def describe_warm_pool(answer: Any) -> Any:
        size = min(_PAGE, answer._get_int_param("MaxRecords") or _PAGE)
        start = int(answer._get_param("NextToken") or 0)
        with groups.lock:
            group = _group(answer)
            found = [each for each in group.instance_states if _warm(each)]
            told = {
                "WarmPoolConfiguration": group.warm_pool,
                "Instances": found[start : start + size],
                "NextToken": str(start + size) if len(found) > start + size else None,
            }
        return ActionResult(told)

    return describe_warm_pool


def _delete(groups: Groups) -> Any:
    def delete_warm_pool(answer: Any) -> Any:
        with groups.lock:
            group = _group(answer)
            if group.warm_pool is None:
                raise ValidationError(f"No warm pool found for the AutoScalingGroup {group.name}.")
            members = [each for each in groups.roster.of(group) if each.life.pool is not None]
            if answer._get_bool_param("ForceDelete", False):
                for each in members:
                    if each.life.leaving:
                        groups.roster.let_go(each)
                    else:
                        groups.roster.leave(each, "the warm pool was deleted.", hooks=False)
            elif group.warm_pool and vars(group.warm_pool).get("status"):
                raise AutoscalingClientError(
                    "ResourceInUse", "The warm pool is being deleted already."
                )
            vars(group.warm_pool)["status"] = pool.PENDING_DELETE
            groups.settle(group)
        return EmptyResult()

    return delete_warm_pool
