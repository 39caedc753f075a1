"""The manifest's reference page, written from its schema and from what each pool promises."""

import json
from collections.abc import Iterator
from typing import Any

from ops.manifest.schema import manifest_schema
from worker.fleet import Queue
from worker.manifest.units import DURATION_PATTERN, SIZE_PATTERN
from worker.promises import promises

_INTRODUCTION = """\
# The manifest

One file, `fleet.toml`, declares the fleet. It is the file that `FLEET_MANIFEST` names, else
`./fleet.toml`. `ops manifest check` says what is wrong with it, `ops manifest show` what it comes
to with the defaults filled in. This page is `ops manifest reference`'s output; editors check the
file against [fleet.schema.json](fleet.schema.json) when it begins with
`#:schema` and the way to that schema.

```toml
name = "media"
region = "eu-west-1"
imports = ["app.tasks"]

[defaults]
lease = "90s"

[queues.video]
tasks = ["media.video.*"]
time_limit = "2h"
slo.start_within = "5m"
```

Durations have a unit: `"90s"`, `"15m"`, `"2h"`, `"4d"`, or together as in `"1h30m"`. Sizes are
`"512MiB"` or `"2GiB"`. A key that nobody reads is an error; one
that only the other runtime reads is a caution of `ops manifest check`.
"""

_NAMES = """\
A queue is called `{fleet}-{queue}` on SQS and its dead-letter queue `{fleet}-{queue}-dlq`; both
carry the tags `fleet:name` and `fleet:queue`. A queue cannot be called `delayed` or `dlq`, nor end
in `-dlq`. FIFO queues are not supported: leases, hand-backs and batched deletes give up the order
FIFO promises.

Tasks that are due in more than 15 minutes wait in one more queue, `{fleet}-delayed`. In DynamoDB
the fleet has the tables `{fleet}-once`, `{fleet}-waiting`, `{fleet}-registry` (its nodes, and what
the scaling engine remembers) and, where results are kept there, `{fleet}-results`.

A task goes to the queue that names it exactly, else to the first queue in the file with a glob
(`*`, `?`, `[abc]`; case counts) that matches it.
"""

_SCALING = """\

Nodes, policies and windows are explained in [scaling](../howto/scaling.md).
"""

_DEFAULTS = """\
Any key of a queue but `tasks`. A queue's own table wins. A queue does not inherit what its pool
has no use for: `max_tasks_per_child` and `max_memory_per_child` unless it is prefork,
`concurrency` and `prefetch` if it is solo. Of the tables `slo`, `nodes` and `scaling` it inherits
key by key, of the windows all or none.
"""


_SCHEDULES = """\
A task sent at the times of a cron expression: by EventBridge Scheduler on AWS, by
`ops schedules run` elsewhere. Celery beat is not needed.
"""

_TABLES = ("defaults", "queues", "schedules")


def manifest_reference() -> str:
    """Return the reference page in Markdown."""
    schema = manifest_schema()
    top = {k: v for k, v in schema["properties"].items() if k not in _TABLES}
    queue = schema["definitions"]["queue"]
    schedule = schema["definitions"]["schedule"]
    return "\n".join(
        [
            _INTRODUCTION,
            "## Top level\n",
            *_rows(top, schema["required"]),
            "\n## `[defaults]`\n",
            _DEFAULTS,
            "## `[queues.<name>]`\n",
            _NAMES,
            *_rows(queue["properties"], queue["required"]),
            _SCALING,
            "## `[schedules.<name>]`\n",
            _SCHEDULES,
            *_rows(schedule["properties"], schedule["required"]),
            "\n## What a pool can promise",
            *_pools(),
            "",
        ]
    )


def _rows(properties: dict[str, Any], required: list[str]) -> Iterator[str]:
    yield "| Key | Value | Default | Meaning |"
    yield "| --- | --- | --- | --- |"
    for key, schema, is_required in _flat(properties, required):
        default = f"`{json.dumps(schema['default'])}`" if "default" in schema else ""
        shown = "required" if is_required else default
        yield f"| `{key}` | {_value(schema)} | {shown} | {schema['description']} |"


def _flat(
    properties: dict[str, Any], required: list[str], prefix: str = ""
) -> Iterator[tuple[str, dict[str, Any], bool]]:
    """Yield each key with its tables' keys, and those of the tables in its list, after it."""
    for key, schema in properties.items():
        if "properties" in schema:
            yield from _flat(schema["properties"], [], f"{prefix}{key}.")
            continue
        yield f"{prefix}{key}", schema, key in required
        items = schema.get("items", {})
        if "properties" in items:
            yield from _flat(items["properties"], items["required"], f"{prefix}{key}[].")


def _value(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return ", ".join(_value(choice) for choice in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{json.dumps(choice)}`" for choice in schema["enum"])
    named = {DURATION_PATTERN: "duration", SIZE_PATTERN: "size"}
    words = {"integer": "whole number", "number": "number", "array": "list", "string": "text"}
    words |= {"object": "table", "boolean": "true or false"}
    items = schema.get("items", {})
    if "enum" in items:
        return f"list of {_value(items)}"
    if items.get("type") in ("string", "object"):
        return "list of texts" if items["type"] == "string" else "list of tables"
    return named.get(schema.get("pattern", ""), words[schema["type"]])


def _pools() -> Iterator[str]:
    for pool in ("prefork", "threads", "solo"):
        yield f"\n`{pool}`:\n"
        queue = Queue.model_validate({"name": "any", "tasks": ["*"], "pool": pool})
        yield from (f"- {sentence}." for sentence in promises(queue))
