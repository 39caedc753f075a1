"""What `ops doctor` sees in a module's text, and which files it reads."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from ops.doctor.code import read_module
from ops.doctor.scan import FILE_AT_MOST_BYTES, find, scan
from ops.doctor.snapshot import Use

#: A line after `from celery import ...` and others, and the uses it is.
LINES = [
    ("send.apply_async(countdown=30)", [Use("countdown", 1, "countdown", 30)]),
    ("send.apply_async(countdown=15 * 60 + 1)", [Use("countdown", 1, "countdown", 901)]),
    ("send.apply_async(countdown=WAIT * 2)", [Use("countdown", 1, "countdown", 7200)]),
    ("send.apply_async(countdown=-1.5)", [Use("countdown", 1, "countdown", -1.5)]),
    (
        "send.apply_async(countdown=timedelta(hours=2).total_seconds())",
        [Use("countdown", 1, "countdown", 7200)],
    ),
    ("send.apply_async(countdown=wait())", [Use("countdown", 1, "countdown")]),
    ("send.apply_async(countdown=1 / 0)", [Use("countdown", 1, "countdown")]),
    ("send.apply_async(countdown=9 ** 9 ** 9)", [Use("countdown", 1, "countdown")]),
    ("send.apply_async(countdown=None, eta=None)", []),
    ("send.apply_async((1,), expires=30)", []),
    ("send.apply_async(eta=now() + timedelta(days=1))", [Use("eta", 1, "eta", 86_400)]),
    ("send.apply_async(eta=timedelta(1, 1) + now())", [Use("eta", 1, "eta", 86_401)]),
    ("send.apply_async(eta=now() + timedelta(**told))", [Use("eta", 1, "eta")]),
    ("send.apply_async(eta=tomorrow)", [Use("eta", 1, "eta")]),
    ("send.s(1).set(countdown=5).delay()", [Use("countdown", 1, "countdown", 5)]),
    ("signature('a.b', countdown=5)", [Use("countdown", 1, "countdown", 5)]),
    ("self.retry(countdown=5)", [Use("retry", 1, "countdown", 5)]),
    ("self.retry(exc=error)", [Use("retry", 1)]),
    ("app.control.inspect().active()", [Use("control", 1, "control.inspect")]),
    ("current_app.control.purge()", [Use("control", 1, "control.purge")]),
    ("app.control.revoke('id', terminate=True)", [Use("control", 1, "control.revoke")]),
    ("AsyncResult('id').revoke()", [Use("control", 1, "revoke")]),
    ("stick.control.left()", []),
    ("EventReceiver(connection)", [Use("events", 1, "EventReceiver")]),
    ("app.events.Receiver(connection)", [Use("events", 1, "Receiver")]),
    ("send.apply_async(priority=0)", [Use("priority", 1)]),
    ("send.apply_async(queue='urgent')", [Use("queue", 1, "urgent")]),
    ("send.apply_async(queue=chosen)", []),
    ("send.apply_async(serializer='pickle')", [Use("serializer", 1, "pickle")]),
    ("app.send_task('a.b')", [Use("send", 1, "a.b")]),
    ("app.send_task('a.b', queue='c')", [Use("queue", 1, "c")]),
    ("app.send_task(name)", []),
    ("chord([a.s()], b.s())", [Use("chord", 1, "chord(...)")]),
    ("group(a.s()) | b.s()", [Use("chord", 1, "group(...) | ...")]),
    ("group(a.s())()", []),
    ("send.delay(1).get(timeout=3)", [Use("wait", 1, "get")]),
    ("send.chunks(pairs, 10)", [Use("builtin", 1, "send.chunks")]),
    ("sp.run(['true'])", [Use("subprocess", 1, "subprocess.run")]),
    ("Popen(['true'])", [Use("subprocess", 1, "subprocess.Popen")]),
    ("os.system('true')", [Use("subprocess", 1, "os.system")]),
    ("children.run(['true'])", []),
    ("self.request.delivery_info['sqs_message']", [Use("sqs_message", 1, "sqs_message")]),
    ("info.get('sqs_queue')", [Use("sqs_message", 1, "sqs_queue")]),
    ("cache.set('key', 1, priority=2)", [Use("priority", 1)]),
]
HEAD = """
import os
import subprocess as sp
from datetime import timedelta
from subprocess import Popen
from celery import chord, current_app, group, signature
from celery.events import EventReceiver
from celery.result import AsyncResult
from worker import children
WAIT = 60 * 60
"""


@pytest.mark.parametrize(("line", "uses"), LINES, ids=[line for line, _ in LINES])
def test_a_line_is_read_for_what_it_does(line: str, uses: list[Use]) -> None:
    found = read_module(f"{line}{HEAD}", "shop/tasks.py").uses
    assert list(found) == uses


def test_without_celery_a_retry_a_set_and_a_revoke_are_another_librarys() -> None:
    text = "client.retry()\ncache.set('a', 1, priority=2)\ngrant.revoke()\n"
    assert read_module(text, "a.py").uses == ()


def test_constants_that_name_each_other_in_a_ring_are_unknown() -> None:
    text = "A = B\nB = A\nsend.apply_async(countdown=A)\n"
    assert read_module(text, "a.py").uses == (Use("countdown", 3, "countdown"),)


def test_imports_are_those_a_module_can_reach() -> None:
    text = "import a.b\nfrom . import c\nfrom ..d import e\nfrom f import g as h\n"
    found = read_module(text, "shop/mail/tasks.py").imports
    assert {"a.b", "shop.mail.c", "shop.d", "shop.d.e", "f", "f.g"} <= set(found)


def _lay(folder: Path, **files: str) -> None:
    for name, text in files.items():
        file = folder / f"{name.replace('__', '/')}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        (file.parent / "__init__.py").touch()
        file.write_text(dedent(text))


def test_code_is_a_tasks_where_a_task_imports_it(tmp_path: Path) -> None:
    folder = tmp_path.resolve() / "app"
    folder.mkdir()
    _lay(
        folder,
        shop__tasks="from shop import video\nimport email\n",
        shop__video="from .tools import run\n",
        shop__tools="import subprocess\nsubprocess.run([])\n",
        shop__email="import subprocess\n",
        shop__manage="from shop import tasks\n",
    )
    files, more = find([folder])
    modules, unread = scan(files, [folder / "shop/tasks.py"], folder, lambda _: None)
    assert (more, unread) == ([], [])
    reached = {module.path for module in modules if module.tasks_reach}
    # `import email` is the standard library's, for shop is a package.
    assert reached - {"shop/__init__.py"} == {"shop/tasks.py", "shop/video.py", "shop/tools.py"}


def test_what_is_not_the_applications_is_not_read(tmp_path: Path) -> None:
    for name in ("tests", ".git", "migrations", "node_modules", "environment"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.py").touch()
    (tmp_path / "environment/pyvenv.cfg").touch()
    for name in ("test_a.py", "conftest.py", "kept.py", "notes.txt"):
        (tmp_path / name).touch()
    files, more = find([tmp_path])
    assert ([file.name for file in files], more) == (["kept.py"], [])


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    folder = tmp_path.resolve()
    (folder / "broken.py").write_text("def (:\n")
    (folder / "deep.py").write_text("(" * 5000)
    (folder / "nul.py").write_bytes(b"a = '\0'\n")
    (folder / "large.py").write_text("#" * (FILE_AT_MOST_BYTES + 1))
    (folder / "whole.py").write_text("a = 1\n")
    modules, unread = scan(find([folder])[0], [], folder, lambda _: None)
    assert [module.path for module in modules] == ["whole.py"]
    assert [line.partition(":")[0] for line in unread] == [
        "broken.py",
        "deep.py",
        "large.py",
        "nul.py",
    ]
