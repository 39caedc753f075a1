"""What a request to CloudFormation asks: its parameters, whose key it came with, its template."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import urlparse

from moto.cloudformation.exceptions import CloudFormationError

from ops.local.asked import access_key
from ops.local.cloudformation.errors import Invalid
from ops.local.cloudformation.model import ChangeSet, Stack, Wish
from ops.local.cloudformation.parameters import values
from ops.local.cloudformation.source import parsed
from ops.local.cloudformation.stacks import Stacks
from ops.local.identity import key_of

#: What would change what a stack does, and does not here.
_NOT_HANDLED: Final = (
    "IncludeNestedStacks",
    "NotificationARNs",
    "OnStackFailure",
    "ResourceTypes",
    "RollbackConfiguration",
    "StackPolicyBody",
    "TimeoutInMinutes",
)
_NOTHING: Final[tuple[Any, ...]] = (None, False, "false", "", [], {})
_NAME: Final = re.compile(r"[a-zA-Z][-a-zA-Z0-9]{0,127}")
#: Types that a stack may make only where the request says that it knows.
_NAMED: Final = {
    "AWS::IAM::InstanceProfile": "InstanceProfileName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Policy": "",
    "AWS::IAM::Role": "RoleName",
}


class Request:
    """What was asked: parameters by name, and whose key it came with."""

    def __init__(self, handler: Any) -> None:
        self._handler = handler
        self.key = access_key(handler.headers.get("Authorization", ""))
        role = self.get("RoleARN")
        if role is not None:
            self.key = key_of(str(role).rpartition("/")[2], "cloudformation")
        for name in _NOT_HANDLED:
            if self.get(name) not in _NOTHING:
                raise Invalid(f"{name} is not handled by the local AWS")

    def get(self, name: str, otherwise: Any = None) -> Any:
        """Return a parameter, or what stands for it where it is left out."""
        value = self._handler._get_param(name)
        return otherwise if value is None else value

    def truth(self, name: str) -> bool:
        """Return a parameter that says yes or no; left out is no."""
        return str(self.get(name, "")).lower() == "true"

    def text(self, stack: Stack | None) -> str:
        """Return the text of the template: given, at a URL of S3, or the one there was."""
        if self.truth("UsePreviousTemplate"):
            if stack is None or stack.wish is None:
                raise Invalid("There is no previous template")
            return stack.wish.text
        body, place = self.get("TemplateBody"), self.get("TemplateURL")
        if body is None and place is None:
            raise Invalid("Either Template URL or Template Body must be specified.")
        return str(body) if body is not None else self._fetched(place)

    def wish(self, stack: Stack | None) -> Wish:
        """Return what the request wants a stack to become."""
        text = self.text(stack)
        template = parsed(text)
        old = None if stack is None else stack.wish
        given = {
            p["ParameterKey"]: str(p["ParameterValue"])
            for p in self.get("Parameters", [])
            if "ParameterValue" in p
        }
        kept = frozenset(
            p["ParameterKey"]
            for p in self.get("Parameters", [])
            if "ParameterValue" not in p and str(p.get("UsePreviousValue", "")).lower() == "true"
        )
        previous = {} if old is None else old.parameters
        tags = {tag["Key"]: tag["Value"] for tag in self.get("Tags", [])}
        capabilities = tuple(self.get("Capabilities", []))
        _check_capabilities(template, capabilities)
        return Wish(
            text=text,
            template=template,
            parameters=values(template.get("Parameters", {}), given, previous, kept),
            # Tags that an update leaves out are those it had (CreateChangeSet, "Tags").
            tags=tags or ({} if old is None else old.tags),
            capabilities=capabilities,
            import_existing=self.truth("ImportExistingResources"),
            imports={
                each["LogicalResourceId"]: dict(each["ResourceIdentifier"])
                for each in self.get("ResourcesToImport", [])
            },
        )

    def _fetched(self, place: str) -> str:
        path = urlparse(place).path.lstrip("/")
        host = urlparse(place).hostname or ""
        bucket, _, key = path.partition("/")
        if ".s3." in host or ".s3-" in host:
            bucket, key = host.partition(".s3")[0], path
        from moto.s3.models import s3_backends  # noqa: PLC0415

        handler = self._handler
        backend = s3_backends[handler.current_account][handler.partition]
        found = backend.get_object(bucket, key) if bucket in backend.buckets else None
        if found is None:
            raise Invalid(f"S3 error: The specified key does not exist: {place}")
        return str(found.value.decode())


def _check_capabilities(template: dict[str, Any], capabilities: tuple[str, ...]) -> None:
    needed = ""
    for resource in template["Resources"].values():
        name = _NAMED.get(resource["Type"])
        if name is not None:
            named = bool(name) and name in resource.get("Properties", {})
            needed = "CAPABILITY_NAMED_IAM" if named else needed or "CAPABILITY_IAM"
    enough = {"CAPABILITY_NAMED_IAM", needed}
    if needed and not enough & set(capabilities):
        raise CloudFormationError(
            "InsufficientCapabilitiesException", f"Requires capabilities : [{needed}]"
        )


def named(name: str) -> str:
    """Return the name of a stack or change set. Raises Invalid for one that is none."""
    if not _NAME.fullmatch(name):
        raise Invalid(
            f"1 validation error detected: Value '{name}' at 'stackName' failed to satisfy "
            "constraint: Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*"
        )
    return name


def change_set_of(asked: Request, stacks: Stacks) -> tuple[Stack, ChangeSet]:
    """Return the change set that a request names, by name or id, and its stack."""
    name, of = asked.get("ChangeSetName"), asked.get("StackName")
    for stack in stacks.all.values():
        if stack.deleted is not None or (of is not None and of not in (stack.id, stack.name)):
            continue
        for change_set in stack.change_sets.values():
            if name in (change_set.id, change_set.name):
                return stack, change_set
    raise CloudFormationError("ChangeSetNotFound", f"ChangeSet [{name}] does not exist")
