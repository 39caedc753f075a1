"""Sessions and clients of boto3, made one way."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from ops.aws.errors import aws_errors, endpoints
from ops.errors import Exit, OpsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from boto3.session import Session
    from botocore.loaders import Loader

    from worker.fleet import Fleet

# Commands wait for a person: one answer takes at most these, three times.
_CONNECT_SECONDS = 5
_READ_SECONDS = 15
_ATTEMPTS = 3


def client(
    service: str,
    fleet: Fleet,
    env: Mapping[str, str],
    shared: Session | None = None,
    **options: Any,
) -> Any:
    """Return a client of `service` for a fleet, of a session that is shared or one of its own.

    Raises OpsError where no region or no such profile is found, or the endpoint is no URL.
    """
    with aws_errors(service=service):
        return client_of(service, session(fleet, env) if shared is None else shared, **options)


def client_of(service: str, shared: Any, **options: Any) -> Any:
    """Return a client of `service` of a session. Raises OpsError where its endpoint is no URL."""
    from botocore.config import Config  # noqa: PLC0415

    from ops.aws.answers import check  # noqa: PLC0415

    defaults: dict[str, Any] = {
        "connect_timeout": _CONNECT_SECONDS,
        "read_timeout": _READ_SECONDS,
        "retries": {"mode": "standard", "total_max_attempts": _ATTEMPTS},
    }
    config = Config(**{**defaults, **options})
    try:
        made = shared.client(service, config=config)
    except ValueError as error:
        # What botocore raises for an endpoint that is not a URL.
        raise OpsError(
            f"AWS: expected a URL such as http://127.0.0.1:5000: {error}: correct "
            f"{endpoints(service)}",
            Exit.USAGE,
        ) from error
    made.meta.events.register("after-call", check)
    return made


def give_up(attempts: int, caught_exception: Exception | None, **_: Any) -> None:
    """Raise what kept an answer from coming as often as any client tries; for botocore's event
    `needs-retry`, before its own handler.
    """
    if caught_exception is not None and attempts >= _ATTEMPTS:
        raise caught_exception


def session(fleet: Fleet, env: Mapping[str, str]) -> Session:
    """Return a session in the fleet's region. Raises OpsError where there is none."""
    import botocore.session  # noqa: PLC0415
    from boto3.session import Session  # noqa: PLC0415

    core = botocore.session.get_session()
    core.register_component("data_loader", _models(core.get_config_variable("data_path")))
    # boto3 reads AWS_DEFAULT_REGION and the profile's region, but not AWS_REGION, which every
    # other SDK and Lambda use.
    made = Session(region_name=fleet.region or env.get("AWS_REGION") or None, botocore_session=core)
    if made.region_name is None:
        raise OpsError(
            f"{fleet.path}: region: expected an AWS region, got none: "
            'add region = "eu-west-1" or set AWS_REGION',
            Exit.USAGE,
        )
    return made


@cache
def _models(places: str | None) -> Loader:
    """Return what reads the services' models, and keeps them: most of a client's making is that."""
    from botocore.loaders import create_loader  # noqa: PLC0415

    loader: Loader = create_loader(places)
    return loader
