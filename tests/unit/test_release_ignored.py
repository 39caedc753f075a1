"""An application's folder that git ignores: what is wrong with it, and what to do."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ops.errors import Exit, OpsError
from ops.release.contents import files_of
from ops.release.ignored import ignored


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(("git", *arguments), cwd=folder, check=True, capture_output=True)


@pytest.fixture
def app(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet")
    (tmp_path / ".gitignore").write_text("*.pyc\n/build/\n")
    app = tmp_path / "build" / "app"
    app.mkdir(parents=True)
    (app / "fleet.toml").write_text('name = "shop"\n')
    (app / "mail.py").write_text("x = 1\n")
    return app


def test_a_folder_that_git_ignores_is_refused_with_the_rule_and_a_remedy(app: Path) -> None:
    with pytest.raises(OpsError) as refused:
        files_of(app)
    assert refused.value.code is Exit.USAGE
    said = str(refused.value)
    assert said.startswith(f"{app / 'fleet.toml'}: expected git to track it, it is ignored by ")
    assert ".gitignore:2:/build/: " in said
    assert "git add --force" in said


def test_the_remedy_helps(app: Path) -> None:
    git(app, "add", "--force", "fleet.toml", "mail.py")
    assert files_of(app).files == ("fleet.toml", "mail.py")


def test_without_a_rule_nothing_is_said_of_one(app: Path) -> None:
    assert "it is ignored: a release has" in ignored(app.parent.parent, "nothing")
