"""What git has of a release: what is not committed is refused, or called dirty."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.errors import Exit, OpsError
from ops.release.artifact import pack
from ops.release.contents import check_committed, files_of
from tests.unit.release_trees import app, committed, git


def test_a_clean_tree_is_what_a_release_is_made_of(tmp_path: Path) -> None:
    committed(tmp_path, **{".gitignore": "out/\n*.log\n"})
    app(tmp_path, **{"out/a": "x", "a.log": "x", ".env": "x", ".fleet-local/x": "x"})
    found = files_of(tmp_path)
    assert found.changed == ()
    assert found.files == (".gitignore", "fleet.toml", "tasks.py")
    check_committed(tmp_path, found)


def change(folder: Path, how: str) -> str:
    """Make a change of a kind in a committed tree and return the file that it is named by."""
    if how == "untracked":
        app(folder, **{"more/new.py": "x"})
        return "more/new.py"
    if how == "removed":
        (folder / "tasks.py").unlink()
    else:
        (folder / "tasks.py").write_text("x = 2\n")
    if how == "staged":
        git(folder, "add", "-A")
    return "tasks.py"


@pytest.mark.parametrize("how", ["untracked", "modified", "staged", "removed"])
def test_what_is_not_committed_is_refused(tmp_path: Path, how: str) -> None:
    name = change(committed(tmp_path), how)
    found = files_of(tmp_path)
    assert found.changed == (name,)
    with pytest.raises(OpsError) as refused:
        check_committed(tmp_path, found)
    assert refused.value.code == Exit.FAILED
    assert str(refused.value) == (
        f"{tmp_path}: expected a work tree without changes, found {name}: commit them, list them "
        "in .gitignore, or pack them as they are with --dirty"
    )


def test_only_the_application_s_own_part_of_a_tree_counts(tmp_path: Path) -> None:
    app(tmp_path / "app")
    committed(tmp_path, **{"README": "x"})
    (tmp_path / "README").write_text("y")
    (tmp_path / "other.txt").write_text("y")
    assert files_of(tmp_path / "app").changed == ()
    change(tmp_path / "app", "modified")
    assert files_of(tmp_path / "app").changed == ("tasks.py",)


def test_before_the_first_commit_all_is_uncommitted(tmp_path: Path) -> None:
    app(tmp_path)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "tasks.py")
    assert files_of(tmp_path).changed == ("fleet.toml", "tasks.py")


def test_what_is_left_out_makes_no_tree_dirty_and_what_is_included_does(tmp_path: Path) -> None:
    committed(tmp_path, **{"secrets.ini": "x", ".env": "x"})
    (tmp_path / "secrets.ini").write_text("y")
    (tmp_path / ".env").unlink()
    assert files_of(tmp_path).changed == ()
    assert files_of(tmp_path, ["secrets.ini"]).changed == ("secrets.ini",)


@pytest.mark.parametrize("release", [None, "v1", "v1-dirty"])
def test_a_dirty_release_says_so_in_its_name(tmp_path: Path, release: str | None) -> None:
    files = files_of(app(tmp_path)).files
    clean, dirty = (pack(tmp_path, files, release, dirty=each) for each in (False, True))
    assert dirty.data == clean.data
    assert dirty.release == f"{(release or clean.release).removesuffix('-dirty')}-dirty"
    with pytest.raises(OpsError, match="release: expected 1 to 63 letters"):
        pack(tmp_path, files, "x" * 63, dirty=True)


def test_where_git_cannot_say_nothing_is_taken_for_all(tmp_path: Path) -> None:
    committed(tmp_path)
    (tmp_path / ".git/index").write_bytes(b"torn")
    with pytest.raises(OpsError, match="expected git to say what belongs to this work tree, it "):
        files_of(tmp_path)


def test_a_work_tree_whose_repository_is_elsewhere_is_not_taken_for_a_plain_folder(
    tmp_path: Path,
) -> None:
    """As a submodule's or a worktree's that was copied, or mounted into a container."""
    shop = committed(tmp_path / "shop", **{".gitignore": "*.secret\n", "sub/fleet.toml": ""})
    (shop / "a.secret").write_text("key")
    (shop / ".git").rename(tmp_path / "kept")
    (shop / ".git").write_text("gitdir: /nowhere\n")
    for folder in (shop, shop / "sub"):
        with pytest.raises(OpsError, match=r"belongs to this work tree, it said: fatal: not a git"):
            files_of(folder)
    (shop / ".git").write_text(f"gitdir: {tmp_path}/kept\n")
    assert "a.secret" not in files_of(shop).files


def test_no_work_tree_is_looked_for_above_a_ceiling(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    committed(tmp_path, **{".gitignore": "out/\n"})
    app(tmp_path / "out" / "app")
    with pytest.raises(OpsError):
        files_of(tmp_path / "out" / "app")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", f"/elsewhere:{tmp_path / 'out'}")
    assert files_of(tmp_path / "out" / "app").files == ("fleet.toml", "tasks.py")


def test_a_hook_s_variables_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = committed(tmp_path, **{".gitignore": "*.secret\n", "sub/fleet.toml": ""})
    (shop / "sub/a.secret").write_text("key")
    monkeypatch.chdir(shop)
    whole = files_of(Path("sub"))
    assert whole.files == ("fleet.toml",)
    monkeypatch.setenv("GIT_DIR", ".git")
    monkeypatch.setenv("GIT_WORK_TREE", str(shop))
    assert files_of(Path("sub")) == whole


def test_a_work_tree_without_git_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    committed(tmp_path / "tree")
    app(tmp_path / "plain")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert files_of(tmp_path / "plain").files == ("fleet.toml", "tasks.py")
    with pytest.raises(OpsError, match="found none in PATH: install it"):
        files_of(tmp_path / "tree")
