"""What a node runs needs nothing but `requirements/node.lock`."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
OURS = ("worker", "ops", "celeryconfig")
#: What a node's programs begin with: `ops node *` and `celery worker`.
FIRST = ("ops/__main__.py", "ops/cli/app.py", "ops/cli/node*.py", "ops/node/*.py", "worker/**/*.py")
#: Imports everything that it is named, with no distribution to be found but those of the lock.
HIDDEN = """
import importlib, sys
hidden, modules = (set(each.split()) for each in sys.argv[1:])
class Hider:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in hidden:
            raise ModuleNotFoundError(f"{name} is not on a node", name=name)
sys.meta_path.insert(0, Hider())
for module in sorted(modules):
    importlib.import_module(module)
print(len(modules))
"""


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def locked() -> set[str]:
    """The distributions of the lock, but for what is another system's."""
    text = (ROOT / "requirements/node.lock").read_text()
    lines = re.findall(r"^([A-Za-z0-9._-]+==[^\\\n]+)", text, re.MULTILINE)
    wanted = map(Requirement, lines)
    return {plain(each.name) for each in wanted if each.marker is None or each.marker.evaluate()}


def imports(path: Path) -> Iterator[str]:
    """The modules that a file imports anywhere, but for what is for the type checker alone."""

    def walk(node: ast.AST) -> Iterator[str]:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            nodes: list[ast.AST] = list(node.orelse)
        else:
            nodes = list(ast.iter_child_nodes(node))
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None, path
            assert not node.level, path
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        for each in nodes:
            yield from walk(each)

    yield from walk(ast.parse(path.read_text()))


def file_of(module: str) -> Path | None:
    base = ROOT / module.replace(".", "/")
    return next((p for p in (base.with_suffix(".py"), base / "__init__.py") if p.is_file()), None)


def needed() -> tuple[set[str], dict[str, str]]:
    """The modules of ours that a node runs, and each other's top name with who imports it."""
    ours: dict[Path, str] = {}
    others: dict[str, str] = {}
    ahead = [path for pattern in FIRST for path in ROOT.glob(pattern)]
    assert len(ahead) > 50
    while ahead:
        path = ahead.pop()
        if path in ours:
            continue
        parts = path.relative_to(ROOT).with_suffix("").parts
        ours[path] = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        for module in imports(path):
            top = module.partition(".")[0]
            if top in OURS:
                ahead += filter(None, [file_of(module)])
            elif top not in sys.stdlib_module_names:
                others.setdefault(top, ours[path])
    return {module for module in ours.values() if not module.endswith("__main__")}, others


def test_every_import_of_a_node_is_of_a_locked_distribution() -> None:
    known, lock = packages_distributions(), locked()
    _, others = needed()
    assert {"celery", "kombu", "boto3", "click", "pydantic"} <= set(others)
    missing = {
        f"{by} imports {top}, of {known.get(top, ['no distribution here'])[0]}"
        for top, by in others.items()
        if not {plain(each) for each in known.get(top, ())} & lock
    }
    assert not missing


def test_the_lock_holds_what_its_distributions_need() -> None:
    lock = locked()
    assert "celery" in lock
    missing = [
        f"{name} needs {wanted}"
        for name in sorted(lock)
        for wanted in map(Requirement, distribution(name).requires or ())
        if (wanted.marker is None or wanted.marker.evaluate({"extra": ""}))
        and plain(wanted.name) not in lock
    ]
    assert not missing


def test_all_of_it_is_imported_with_nothing_else_there() -> None:
    modules, _ = needed()
    lock = locked()
    hidden = {
        top
        for top, distributions in packages_distributions().items()
        if top not in OURS and not {plain(each) for each in distributions} & lock
    }
    assert {"moto", "pytest"} <= hidden

    def run(hide: set[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", HIDDEN, " ".join(hide), " ".join(modules)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    done = run(hidden)
    assert done.returncode == 0, done.stderr[-1000:]
    assert int(done.stdout) == len(modules)
    assert "kombu is not on a node" in run({*hidden, "kombu"}).stderr
