"""Repositories within the application's: their files are the release's, or it is refused."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from ops.errors import Exit, OpsError
from ops.release.artifact import pack
from ops.release.contents import Contents, check_committed, files_of
from tests.unit.release_trees import app, commit, committed, git

#: Not anyone's.
KEY = "-----BEGIN PRIVATE KEY-----\nMC4CAQ\n-----END PRIVATE KEY-----\n"
OWN = (".gitmodules", "fleet.toml", "tasks.py")


def library(folder: Path, **files: str) -> Path:
    for name, text in {"fonts.py": "f = 1\n", ".gitignore": "*.log\n", **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    git(folder, "init", "-q")
    commit(folder)
    return folder


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """An application with a library in `lib/fonts`, which has one in `deep` itself."""
    inner = library(tmp_path / "inner", **{"run.py": "r = 1\n"})
    outer = library(tmp_path / "outer")
    git(outer, "submodule", "--quiet", "add", str(inner), "deep")
    commit(outer)
    shop = committed(tmp_path / "shop")
    git(shop, "submodule", "--quiet", "add", str(outer), "lib/fonts")
    git(shop, "submodule", "--quiet", "update", "--init", "--recursive")
    commit(shop)
    return shop


def refused(shop: Path, found: Contents) -> str:
    with pytest.raises(OpsError) as error:
        check_committed(shop, found)
    assert error.value.code == Exit.FAILED
    return str(error.value)


def test_what_a_submodule_has_committed_is_in_the_bundle(shop: Path, tmp_path: Path) -> None:
    (shop / "lib/fonts/a.log").write_text("ignored there")
    found = files_of(shop)
    assert found.files == (
        ".gitmodules",
        "fleet.toml",
        "lib/fonts/.gitignore",
        "lib/fonts/.gitmodules",
        "lib/fonts/deep/.gitignore",
        "lib/fonts/deep/fonts.py",
        "lib/fonts/deep/run.py",
        "lib/fonts/fonts.py",
        "tasks.py",
    )
    assert found.changed == ()
    check_committed(shop, found)
    packed = pack(shop, found.files)
    with tarfile.open(fileobj=io.BytesIO(packed.data)) as tar:
        assert tuple(tar.getnames()) == found.files
    # Another checkout of the same commit is the same bytes.
    git(tmp_path, "clone", "--quiet", "--recurse-submodules", str(shop), "again")
    again = tmp_path / "again"
    assert pack(again, files_of(again).files) == packed


def test_a_folder_of_the_tree_has_its_own_submodules_alone(shop: Path, tmp_path: Path) -> None:
    app(shop / "app")
    git(shop, "submodule", "--quiet", "add", str(tmp_path / "inner"), "app/lib")
    commit(shop)
    (shop / "lib/fonts/fonts.py").write_text("f = 2\n")
    found = files_of(shop / "app")
    assert found.files == (
        "fleet.toml",
        "lib/.gitignore",
        "lib/fonts.py",
        "lib/run.py",
        "tasks.py",
    )
    assert found.changed == ()


@pytest.mark.parametrize(
    ("how", "name"),
    [
        ("modified", "lib/fonts/deep/run.py"),
        ("staged", "lib/fonts/deep/run.py"),
        ("removed", "lib/fonts/deep/run.py"),
        ("untracked", "lib/fonts/deep/new.py"),
    ],
)
def test_a_dirty_submodule_makes_the_tree_dirty(shop: Path, how: str, name: str) -> None:
    if how == "removed":
        (shop / name).unlink()
    else:
        (shop / name).write_text("r = 2\n")
    if how == "staged":
        git((shop / name).parent, "add", "-A")
    found = files_of(shop)
    assert found.changed == (name,)
    assert f"found {name}: commit them, list them in .gitignore, or pack" in refused(shop, found)
    # As it is, which is what --dirty packs.
    assert (name in found.files) is (how != "removed")


@pytest.mark.parametrize("staged", [False, True])
def test_a_submodule_at_another_commit_makes_the_tree_dirty(shop: Path, *, staged: bool) -> None:
    lib = shop / "lib/fonts"
    (lib / "fonts.py").write_text("f = 2\n")
    commit(lib)
    if staged:
        git(shop, "add", "lib/fonts")
    # No setting of git's hides it.
    git(shop, "config", "diff.ignoreSubmodules", "all")
    found = files_of(shop)
    assert found.changed == ("lib/fonts",)
    assert refused(shop, found) == (
        f"{shop}: expected a work tree without changes, found lib/fonts (a repository at another "
        "commit than is committed here): commit them, take a submodule's back with git submodule "
        "update, list them in .gitignore, or pack them as they are with --dirty"
    )
    git(shop, "config", "--unset", "diff.ignoreSubmodules")
    commit(shop)
    assert files_of(shop).changed == ()


def test_the_remedy_takes_it_back(shop: Path) -> None:
    lib = shop / "lib/fonts"
    (lib / "fonts.py").write_text("f = 2\n")
    commit(lib)
    git(shop, "submodule", "--quiet", "update")
    check_committed(shop, files_of(shop))
    assert (lib / "fonts.py").read_text() == "f = 1\n"


@pytest.mark.parametrize("name", ["lib/fonts", "lib/fonts/deep"])
def test_a_submodule_that_is_not_checked_out_is_refused_and_the_remedy_helps(
    shop: Path, name: str
) -> None:
    whole = files_of(shop).files
    folder = (shop / name).parent
    git(folder, "submodule", "--quiet", "deinit", "--force", str(shop / name))
    with pytest.raises(OpsError) as error:
        files_of(shop)
    assert error.value.code == Exit.FAILED
    remedy = f"git -C {shop} submodule update --init --recursive"
    assert str(error.value) == (
        f"{shop}: expected every submodule to be checked out, found none of the files of {name}: "
        f"{remedy}"
    )
    git(shop, *remedy.split()[1:])
    assert files_of(shop).files == whole


def test_one_that_is_never_part_of_a_release_need_not_be_there(shop: Path, tmp_path: Path) -> None:
    whole = files_of(shop).files
    git(shop, "submodule", "--quiet", "add", str(tmp_path / "inner"), "node_modules/x")
    commit(shop)
    assert files_of(shop).files == whole
    git(shop, "submodule", "--quiet", "deinit", "--force", "node_modules/x")
    assert files_of(shop).files == whole


def test_secrets_are_looked_for_there_as_well(shop: Path) -> None:
    lib = shop / "lib/fonts"
    (lib / ".env").write_text("x")
    commit(lib)
    commit(shop)
    found = files_of(shop)
    assert (found.left_out, found.changed) == (("lib/fonts/.env",), ())
    assert "lib/fonts/.env" in files_of(shop, ["lib/fonts/.env"]).files
    (lib / "deploy").write_text(KEY)
    (lib / "out.py").symlink_to("../../../outside.py")
    commit(lib)
    commit(shop)
    with pytest.raises(OpsError, match="expected a link to stay within"):
        files_of(shop)
    (lib / "out.py").unlink()
    with pytest.raises(OpsError, match=r"no secret in a release, found lib/fonts/deploy \(a priv"):
        files_of(shop)


def test_a_repository_that_is_no_submodule_is_not_left_out_silently(shop: Path) -> None:
    library(shop / "vendor")
    found = files_of(shop)
    assert found.changed == ("vendor",)
    assert "found vendor (a repository at another commit than is committed" in refused(shop, found)
    assert {"vendor/.gitignore", "vendor/fonts.py"} <= set(found.files)
    (shop / ".gitignore").write_text("/vendor/\n")
    commit(shop)
    found = files_of(shop)
    assert found.changed == ()
    assert not any(name.startswith("vendor/") for name in found.files)


def test_a_link_or_a_file_in_its_place_is_a_change_and_not_followed(
    shop: Path, tmp_path: Path
) -> None:
    git(shop, "submodule", "--quiet", "deinit", "--force", "lib/fonts")
    (shop / "lib/fonts").rmdir()
    (shop / "lib/fonts").write_text("x")
    found = files_of(shop)
    assert (found.files, found.changed) == ((*OWN[:2], "lib/fonts", OWN[2]), ("lib/fonts",))
    (shop / "lib/fonts").unlink()
    (shop / "lib/fonts").symlink_to(tmp_path / "outer")
    with pytest.raises(OpsError, match="expected a link to stay within"):
        files_of(shop)


def test_one_whose_repository_is_gone_is_told(shop: Path) -> None:
    (shop / "lib/fonts/deep/.git").write_text("gitdir: nowhere\n")
    with pytest.raises(OpsError, match=r"deep: expected git to say what belongs to this"):
        files_of(shop)


def test_a_hook_s_variables_are_for_the_tree_around_it_alone(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = files_of(shop)
    monkeypatch.setenv("GIT_DIR", str(shop / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(shop / ".git/index"))
    assert files_of(shop) == whole
