"""One module of the application read as text: what it does with Celery, and what it imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from ops.doctor.snapshot import Module, Use, UseKind
from ops.doctor.waits import Names, constants, seconds, seconds_ahead

_SENDS: Final = frozenset(
    {"apply_async", "apply_async_on_commit", "send_task", "signature", "subtask", "retry", "set"}
)
_CONTROLS: Final = frozenset(
    {
        "add_consumer", "autoscale", "broadcast", "cancel_consumer", "disable_events",
        "discard_all", "election", "enable_events", "heartbeat", "inspect", "ping", "pool_grow",
        "pool_restart", "pool_shrink", "purge", "rate_limit", "revoke", "revoke_by_stamped_headers",
        "shutdown", "terminate", "time_limit",
    }
)  # fmt: skip
_SUBPROCESSES: Final = frozenset(
    {
        *(f"subprocess.{n}" for n in ("run", "Popen", "call", "check_call", "check_output")),
        *(f"subprocess.{n}" for n in ("getoutput", "getstatusoutput")),
        *(f"os.{n}" for n in ("system", "popen", "posix_spawn", "posix_spawnp")),
        *(f"os.spawn{n}" for n in ("l", "le", "lp", "lpe", "v", "ve", "vp", "vpe")),
        "asyncio.create_subprocess_exec",
        "asyncio.create_subprocess_shell",
    }
)
_BUILTINS: Final = frozenset({"chunks", "map", "starmap"})
_DELIVERY: Final = frozenset({"sqs_message", "sqs_queue"})


def read_module(source: str | bytes, path: str) -> Module:
    """Read a module's text; `path` is only named. Raises SyntaxError and ValueError.

    Nothing of it is run.
    """
    tree = ast.parse(source)
    reader = _Reader(tree, path)
    return Module(path, tuple(reader.uses()), tuple(sorted(reader.imports())))


class _Reader:
    def __init__(self, tree: ast.Module, path: str) -> None:
        self._nodes = list(ast.walk(tree))
        self._package = _package(path)
        self._names: Names = constants(tree)
        self._aliases = dict(self._imported())
        self._celery = any(target.split(".")[0] == "celery" for target in self._aliases.values())

    def imports(self) -> set[str]:
        """Return the modules this one may import: also `a.b` of `from a import b`."""
        return {target for target in self._aliases.values() if target} | {
            target.rpartition(".")[0] for target in self._aliases.values() if "." in target
        }

    def uses(self) -> Iterator[Use]:
        """Return what is used, in the order of the lines."""
        found = [use for node in self._nodes for use in self._of(node)]
        yield from sorted(dict.fromkeys(found), key=lambda use: (use.line, use.kind))

    def _imported(self) -> Iterator[tuple[str, str]]:
        for node in self._nodes:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    top = alias.name.split(".")[0]
                    yield (alias.asname, alias.name) if alias.asname else (top, top)
                    # A key no code can spell: `import a.b` binds `a` and imports both.
                    yield f" {alias.name}", alias.name
            elif isinstance(node, ast.ImportFrom):
                base = _absolute(self._package, node)
                for alias in node.names:
                    yield alias.asname or alias.name, f"{base}.{alias.name}" if base else alias.name

    def _of(self, node: ast.AST) -> Iterator[Use]:
        match node:
            case ast.Call():
                yield from self._call(node)
            case ast.Attribute(value=ast.Attribute(attr="control"), attr=verb) if verb in _CONTROLS:
                yield Use("control", node.lineno, f"control.{verb}")
            case ast.BinOp(left=ast.Call() as left, op=ast.BitOr()) if self._is(left, "group"):
                yield Use("chord", node.lineno, "group(...) | ...")
            case ast.Subscript(slice=ast.Constant(value=str() as key)) if key in _DELIVERY:
                yield Use("sqs_message", node.lineno, key)

    def _call(self, call: ast.Call) -> Iterator[Use]:
        name = self._dotted(call.func)
        if name in _SUBPROCESSES:
            yield Use("subprocess", call.lineno, name)
        if self._is(call, "chord"):
            yield Use("chord", call.lineno, "chord(...)")
        if name in ("celery.app.control.Control", "celery.app.control.Inspect"):
            yield Use("control", call.lineno, name.rpartition(".")[2])
        if name.startswith("celery.events.") or name.endswith(("events.Receiver", "events.State")):
            yield Use("events", call.lineno, name.rpartition(".")[2])
        if isinstance(call.func, ast.Attribute):
            yield from self._method(call, call.func)
        elif name == "celery.signature":
            yield from self._sending(call, "signature")

    def _method(self, call: ast.Call, method: ast.Attribute) -> Iterator[Use]:
        verb, line = method.attr, call.lineno
        if verb in _SENDS:
            yield from self._sending(call, verb)
        match method:
            case ast.Attribute(attr="revoke", value=value) if self._celery and not (
                isinstance(value, ast.Attribute) and value.attr == "control"
            ):
                yield Use("control", line, "revoke")
            case ast.Attribute(
                attr="get" | "join",
                value=ast.Call(func=ast.Attribute(attr="delay" | "apply_async" | "send_task")),
            ):
                yield Use("wait", line, verb)
            case ast.Attribute(attr=verb, value=ast.Name(id=task)) if verb in _BUILTINS:
                yield Use("builtin", line, f"{task}.{verb}")
        if verb == "get" and call.args:
            match call.args[0]:
                case ast.Constant(value=str() as key) if key in _DELIVERY:
                    yield Use("sqs_message", line, key)

    def _sending(self, call: ast.Call, verb: str) -> Iterator[Use]:
        given = {k.arg: k.value for k in call.keywords if k.arg is not None}
        line = call.lineno
        due = [(kind, given[kind]) for kind in ("countdown", "eta") if not _none(given.get(kind))]
        for kind, value in due:
            wait = seconds if kind == "countdown" else seconds_ahead
            retry = verb == "retry"
            yield Use("retry" if retry else _due(kind), line, kind, wait(value, self._names))
        if verb == "retry" and self._celery and not due:
            yield Use("retry", line)
        if verb == "set" and not self._celery:
            return
        yield from self._options(given, line)
        if verb == "send_task" and call.args:
            match call.args[0]:
                case ast.Constant(value=str() as task) if "queue" not in given:
                    yield Use("send", line, task)

    @staticmethod
    def _options(given: dict[str, ast.expr], line: int) -> Iterator[Use]:
        if not _none(given.get("priority")):
            yield Use("priority", line)
        kinds: tuple[UseKind, ...] = ("serializer", "queue")
        for kind in kinds:
            match given.get(kind):
                case ast.Constant(value=str() as value):
                    yield Use(kind, line, value)

    def _is(self, call: ast.Call, what: str) -> bool:
        return self._dotted(call.func) in (f"celery.{what}", f"celery.canvas.{what}")

    def _dotted(self, node: ast.expr) -> str:
        """Return what a name stands for by the module's imports: `sp.run` is `subprocess.run`."""
        match node:
            case ast.Name(id=name):
                return self._aliases.get(name, name)
            case ast.Attribute(value=value, attr=attr):
                return f"{self._dotted(value)}.{attr}"
        return ""


def _due(kind: str) -> UseKind:
    return "countdown" if kind == "countdown" else "eta"


def _none(node: ast.expr | None) -> bool:
    return node is None or (isinstance(node, ast.Constant) and node.value is None)


def _package(path: str) -> list[str]:
    return path.removesuffix(".py").replace("\\", "/").split("/")[:-1]


def _absolute(package: list[str], node: ast.ImportFrom) -> str:
    if node.level == 0:
        return node.module or ""
    above = package[: len(package) - (node.level - 1)]
    return ".".join([*above, *([node.module] if node.module else [])])
