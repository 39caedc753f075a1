"""What moto's CodeDeploy lacks: changing and deleting its applications and deployment groups.

moto 5.2 creates and gets them, and shows the Auto Scaling groups of one in no shape that a client
can read. The parameters and answers are those of the API Reference.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final

from moto.codedeploy import responses
from moto.codedeploy.responses import CodeDeployResponse
from moto.core.responses import ActionResult

#: Names of the parameters of UpdateDeploymentGroup, and of what moto keeps them in.
_SETTINGS: Final = {
    "alarmConfiguration": "alarm_configuration",
    "autoRollbackConfiguration": "auto_rollback_configuration",
    "autoScalingGroups": "auto_scaling_groups",
    "deploymentConfigName": "deployment_config_name",
    "deploymentStyle": "deployment_style",
    "ec2TagFilters": "ec2_tag_filters",
    "ec2TagSet": "ec2_tag_set",
    "outdatedInstancesStrategy": "outdated_instances_strategy",
    "serviceRoleArn": "service_role_arn",
    "terminationHookEnabled": "termination_hook_enabled",
    "triggerConfigurations": "trigger_configurations",
}


def mend() -> None:
    """Have moto answer the three operations in this process."""
    responses._deployment_group_info = _shown(responses._deployment_group_info)
    CodeDeployResponse.delete_application = _delete_application
    CodeDeployResponse.delete_deployment_group = _delete_deployment_group
    CodeDeployResponse.update_deployment_group = _update_deployment_group


def _shown(original: Callable[[Any], dict[str, Any]]) -> Callable[[Any], dict[str, Any]]:
    @functools.wraps(original)
    def show(group: Any) -> dict[str, Any]:
        names = group.auto_scaling_groups
        return {**original(group), "autoScalingGroups": [{"name": name} for name in names]}

    return show


def _delete_application(handler: Any) -> ActionResult:
    backend, name = handler.codedeploy_backend, handler._get_param("applicationName")
    # The API deletes one that is not there without a word.
    backend.applications.pop(name, None)
    backend.deployment_groups.pop(name, None)
    return ActionResult({})


def _delete_deployment_group(handler: Any) -> ActionResult:
    groups = handler.codedeploy_backend.deployment_groups
    name = handler._get_param("deploymentGroupName")
    groups.get(handler._get_param("applicationName"), {}).pop(name, None)
    return ActionResult({"hooksNotCleanedUp": []})


def _update_deployment_group(handler: Any) -> ActionResult:
    backend, application = handler.codedeploy_backend, handler._get_param("applicationName")
    name = handler._get_param("currentDeploymentGroupName")
    group = backend.get_deployment_group(application, name)
    for parameter, attribute in _SETTINGS.items():
        value = handler._get_param(parameter)
        if value is not None:
            setattr(group, attribute, value)
    new = handler._get_param("newDeploymentGroupName")
    if new is not None:
        groups = backend.deployment_groups[application]
        group.deployment_group_name = new
        groups[new] = groups.pop(name)
    return ActionResult({"hooksNotCleanedUp": []})
