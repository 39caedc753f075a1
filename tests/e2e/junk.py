"""Message bodies that are no tasks: a seeded hundred and more, each with a name."""

from __future__ import annotations

import base64
import bz2
import copy
import json
import pickle
import random
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.harness import message

SEED = 20_26
#: SQS's limit of a message with its attributes, and of a batch.
LIMIT_BYTES = 1024 * 1024

#: A string like any other; as a task's name it is one that another release may know.
_SURROGATE = "\ud800"

_WRONG: tuple[Any, ...] = (None, 7, -1, 1.5, True, "", _SURROGATE, [], [1], {}, {"a": 1}, 10**30)


@dataclass(frozen=True)
class Junk:
    """A body; ``key`` is that of the task it would run if a worker took it for one."""

    name: str
    body: str
    key: str
    #: it may be taken for a task: what is wrong with it is nothing that a worker needs
    harmless: bool = False


def bodies() -> list[Junk]:
    """Return the same bodies at every call."""
    found = [
        *_no_envelopes(random.Random(SEED)),
        *_mutations(),
        *_inner_bodies(),
        *_compressed(),
        *_large(),
    ]
    assert len({junk.name for junk in found}) == len(found)
    return found


def _pack(value: object) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


def _envelope(key: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.b64decode(message("e2e.nap", (key,))))
    return found


def _no_envelopes(rng: random.Random) -> Iterator[Junk]:
    """Yield what is no JSON object, or none that a producer of Celery's writes."""
    for i in range(20):
        noise = rng.randbytes(rng.randint(1, 400))
        yield Junk(f"noise-{i}", base64.b64encode(noise).decode(), "")
        text = "".join(chr(rng.randint(0x20, 0xD7FF)) for _ in range(rng.randint(1, 80)))
        yield Junk(f"text-{i}", f"?{text}", "")
    whole = json.dumps(_envelope("truncated"))
    for i in range(10):
        cut = whole[: rng.randint(1, len(whole) - 1)]
        yield Junk(f"truncated-{i}", base64.b64encode(cut.encode()).decode(), "")
        yield Junk(f"truncated-plain-{i}", cut, "")
    for name, text in {
        "space": " ",
        "null": "null",
        "number": "7",
        "string": '"task"',
        "true": "true",
        "nan": "NaN",
        "empty-list": "[]",
        "empty-object": "{}",
        "nested-lists": "[" * 50_000 + "]" * 50_000,
        "nested-objects": '{"headers":' * 20_000 + "1" + "}" * 20_000,
        "huge-int": "9" * 100_000,
        "huge-int-inside": '{"headers": {}, "properties": {}, "body": ' + "9" * 5_000 + "}",
        "duplicate-keys": '{"headers": 1, "headers": {}, "properties": {}}',
        "surrogate": '{"headers": {"task": "\\ud800"}, "properties": {}}',
        "properties-alone": '{"properties": {}}',
        "nul": "\u0000",
    }.items():
        yield Junk(f"json-{name}", base64.b64encode(text.encode()).decode(), "")
    yield Junk("pickle", base64.b64encode(pickle.dumps({"task": "e2e.nap"})).decode(), "")
    first = {"task": "e2e.nap", "id": "p1", "args": ["protocol-1"], "kwargs": {}, "retries": 0}
    yield Junk("protocol-1", _pack(first), "protocol-1")
    enveloped = {**_envelope("protocol-1-enveloped"), "headers": {}, "body": _pack(first)}
    yield Junk("protocol-1-enveloped", _pack(enveloped), "protocol-1-enveloped")


#: What a worker must know to run a task; whatever else is wrong, it may run.
_NEEDED = {
    ("body",),
    ("content-type",),
    ("headers",),
    ("properties",),
    ("headers", "id"),
    ("headers", "task"),
    ("properties", "body_encoding"),
}


def _mutations() -> Iterator[Junk]:
    """Yield an envelope with each of its fields, in turn, of each wrong type, or missing."""
    whole = _envelope("")
    fields = [
        *[(name,) for name in whole],
        *[("headers", name) for name in whole["headers"]],
        *[("properties", name) for name in whole["properties"]],
    ]
    for path in fields:
        for i, wrong in enumerate((*_WRONG, KeyError)):
            name = f"{'.'.join(path)}-{'missing' if wrong is KeyError else i}"
            mutated = copy.deepcopy(_envelope(name))
            place = mutated if len(path) == 1 else mutated[path[0]]
            if wrong is KeyError:
                del place[path[-1]]
            elif path == ("headers", "task") and wrong == _SURROGATE:
                continue
            else:
                place[path[-1]] = wrong
            harmless = path not in _NEEDED or (path[-1] == "id" and wrong == _SURROGATE)
            yield Junk(name, _pack(mutated), name, harmless)


def _inner_bodies() -> Iterator[Junk]:
    """Yield envelopes whose task's body is none, or is of a serializer that is not taken."""
    texts = {
        "empty": "",
        "null": "null",
        "object": "{}",
        "short": "[[], {}]",
        "long": "[[], {}, {}, {}]",
        "args-object": "[{}, {}, {}]",
        "args-string": '["abc", {}, {}]',
        "kwargs-list": "[[], [], {}]",
        "embed-list": "[[], {}, []]",
        "chain-of-numbers": '[["k"], {}, {"chain": [1, 2]}]',
        "callbacks-object": '[["k"], {}, {"callbacks": {}}]',
        "nested": "[" * 50_000 + "]" * 50_000,
        "nested-args": '[["k", ' + "[" * 50_000 + "]" * 50_000 + "], {}, {}]",
        "truncated": '[["k"], {}, {',
        "too-many-args": '[["k", 0, 1, 2, 3], {}, {}]',
        "no-args": "[[], {}, {}]",
        "unknown-kwargs": '[["k"], {"nonsense": 1}, {}]',
        "nan-seconds": '[["k", "NaN"], {}, {}]',
    }
    for name, text in texts.items():
        envelope = _envelope(name)
        envelope["body"] = base64.b64encode(text.encode()).decode()
        yield Junk(f"inner-{name}", _pack(envelope), "k")
    for name, content_type, raw in (
        ("pickle", "application/x-python-serialize", pickle.dumps((["k"], {}, {}))),
        ("yaml", "application/x-yaml", b"- [k]\n- {}\n- {}\n"),
        ("msgpack", "application/x-msgpack", b"\x93\x90\x80\x80"),
        ("binary", "application/data", bytes(range(256))),
        ("pickle-as-json", "application/json", pickle.dumps((["k"], {}, {}))),
    ):
        envelope = _envelope(name)
        envelope["content-type"] = content_type
        envelope["content-encoding"] = "binary" if name != "pickle-as-json" else "utf-8"
        envelope["body"] = base64.b64encode(raw).decode()
        yield Junk(f"type-{name}", _pack(envelope), "k")


def _compressed() -> Iterator[Junk]:
    inner = b'[["k"], {}, {}]'
    zeros = b"0" * (100 * 1024 * 1024)
    for name, compression, raw in (
        ("unknown", "application/zstd", inner),
        ("no-string", 7, inner),
        ("not-compressed", "application/x-gzip", inner),
        ("cut-off", "application/x-gzip", zlib.compress(inner)[:-6]),
        ("bomb", "application/x-gzip", zlib.compress(zeros)),
        ("bomb-bz2", "application/x-bz2", bz2.compress(zeros)),
    ):
        envelope = _envelope(name)
        envelope["headers"]["compression"] = compression
        envelope["body"] = base64.b64encode(raw).decode()
        yield Junk(f"compressed-{name}", _pack(envelope), "k")


def _large() -> Iterator[Junk]:
    for name, size in (("900-KiB", 900 * 1024), ("all-there-is", LIMIT_BYTES)):
        yield Junk(f"large-{name}", "x" * size, "")
    envelope = _envelope("large")
    envelope["body"] = base64.b64encode(b"[" + b"0," * 200_000).decode()
    yield Junk("large-inner", _pack(envelope), "k")
