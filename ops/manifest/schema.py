"""The manifest's JSON Schema, for editors that check TOML (taplo, Even Better TOML)."""

from datetime import timedelta
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from worker.fleet import Fleet, Queue, Schedule
from worker.manifest.fields import NAME_PATTERN
from worker.manifest.units import format_duration

# taplo's engine knows drafts 4 to 7, not the 2020-12 that pydantic writes; nothing in this schema
# differs between the two but the place of definitions.
DRAFT = "http://json-schema.org/draft-07/schema#"

_HEADER = ("name", "region", "imports", "payload_bucket", "results", "metrics", "aws")


class _TomlSchema(GenerateJsonSchema):
    """JSON Schema of a TOML file, which has no null: what is optional may be left out."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        inner = super().default_schema(schema)
        if inner.get("default") is None or isinstance(inner["default"], dict):
            inner.pop("default", None)
        return inner

    def encode_default(self, dft: Any) -> Any:
        return format_duration(dft) if isinstance(dft, timedelta) else super().encode_default(dft)


def manifest_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 7) of a fleet.toml: every key with its meaning and default.

    It holds the checks of single values. Those across keys are `ops manifest check`'s alone.
    """
    queue = _table(Queue.model_json_schema(schema_generator=_TomlSchema))
    del queue["properties"]["name"]
    keys = {k: v for k, v in queue["properties"].items() if k != "tasks"}
    schedule = _table(Schedule.model_json_schema(schema_generator=_TomlSchema))
    del schedule["properties"]["name"]
    fleet = _table(Fleet.model_json_schema(schema_generator=_TomlSchema))["properties"]
    return {
        "$schema": DRAFT,
        "title": "fleet.toml",
        "description": "The manifest of a fleet of Celery workers on Amazon SQS.",
        "type": "object",
        "additionalProperties": False,
        "required": ["name", "queues"],
        "properties": {
            **{key: fleet[key] for key in _HEADER},
            "defaults": {
                "type": "object",
                "description": "Keys that every queue has unless its own table says otherwise. A "
                "queue inherits only what its pool has a use for.",
                "additionalProperties": False,
                "properties": keys,
            },
            "queues": {
                "type": "object",
                "description": fleet["queues"]["description"],
                "minProperties": 1,
                "additionalProperties": False,
                "patternProperties": {NAME_PATTERN: {"$ref": "#/definitions/queue"}},
            },
            "schedules": {
                "type": "object",
                "description": fleet["schedules"]["description"],
                "additionalProperties": False,
                "patternProperties": {NAME_PATTERN: {"$ref": "#/definitions/schedule"}},
            },
        },
        "definitions": {
            "queue": {
                **queue,
                "description": "One queue and the workers that serve it.",
                "required": ["tasks"],
            },
            "schedule": {**schedule, "required": ["cron", "task"]},
        },
    }


def _table(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a model's schema with references replaced by what they mean and titles dropped."""
    definitions = schema.pop("$defs", {})

    def resolve(node: Any) -> Any:
        if isinstance(node, list):
            return [resolve(item) for item in node]
        if not isinstance(node, dict):
            return node
        target = definitions.get(str(node.get("$ref", "")).rpartition("/")[2], {})
        merged = {**target, **node}
        return {
            key: _one_line(value) if key == "description" else resolve(value)
            for key, value in merged.items()
            if key not in ("title", "$ref")
        }

    table: dict[str, Any] = resolve(schema)
    return table


def _one_line(description: Any) -> Any:
    return " ".join(description.split()) if isinstance(description, str) else description
