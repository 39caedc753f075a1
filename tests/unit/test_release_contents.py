"""What a release leaves out or refuses: secrets by name or content, and what is no file of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ops.errors import Exit, OpsError
from ops.release import confidential
from ops.release.contents import files_of
from tests.unit.release_trees import app

BODY = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7"
# Neither is anyone's.
KEY_ID = "AKIA" + "Q3EGR7PZ5XK2WUVT"
SECRET = "h7Gk/pQ2vN8sXz+R4tYb" + "LmC1dWfE9uJa0oKi5HyT"


def begin(kind: str) -> str:
    return f"-----BEGIN {kind}PRIVATE KEY-----"


@pytest.mark.parametrize(
    "name",
    [
        ".env",
        ".ENV",
        ".env.production",
        ".envrc",
        "prod.env",
        "Prod.Env",
        ".git-credentials",
        ".netrc",
        "_netrc",
        ".npmrc",
        "web/.npmrc",
        ".pypirc",
        ".pgpass",
        ".docker/config.json",
        "deploy/.docker/config.json",
        ".kube/config",
        ".aws/credentials",
        ".ssh/known_hosts",
        ".gnupg/pubring.kbx",
        "id_rsa",
        "keys/id_ed25519",
        "store.JKS",
        "a.p12",
        "a.pfx",
        "a.ppk",
        ".vault-token",
        "terraform.tfstate",
        "terraform.tfstate.backup",
        "credentials.json",
        "service-account.json",
        "service-account-prod.json",
        "secrets.toml",
        "config/secrets.yaml",
    ],
)
def test_where_secrets_usually_are_stays_here_and_is_named(tmp_path: Path, name: str) -> None:
    found = files_of(app(tmp_path, **{name: "x"}))
    assert found.left_out == (name,)
    assert found.files == ("fleet.toml", "tasks.py")
    assert name in files_of(tmp_path, [name]).files


@pytest.mark.parametrize(
    "name",
    [
        "environment.py",
        "env.py",
        "docker/config.json",
        "id_rsa.pub",
        "secretsanta.py",
        "my_secrets.py",
        "secrets.py",
        "kube/config",
        "credentials.py",
        "accounts.json",
        "tfstate.py",
    ],
)
def test_what_is_only_called_alike_is_packed(tmp_path: Path, name: str) -> None:
    assert name in files_of(app(tmp_path, **{name: "x"})).files


@pytest.mark.parametrize("name", ["ca.pem", "CA.PEM", "public.key"])
def test_a_certificate_is_packed_and_a_key_beside_it_is_not(tmp_path: Path, name: str) -> None:
    certificate = f"-----BEGIN CERTIFICATE-----\n{BODY}\n-----END CERTIFICATE-----\n"
    assert name in files_of(app(tmp_path, **{name: certificate})).files
    # Also far behind it.
    (tmp_path / name).write_text(certificate * 2000 + begin("EC ") + "\n")
    assert files_of(tmp_path).left_out == (name,)


@pytest.mark.parametrize(
    "text",
    [
        f"{begin('')}\n{BODY}\n",
        f"{begin('RSA ')}\n{BODY}\n",
        f"{begin('EC ')}\n{BODY}\n",
        f"{begin('OPENSSH ')}\n{BODY}\n",
        f"{begin('ENCRYPTED ')}\n{BODY}\n",
        f'{{"private_key": "{begin("")}\\n{BODY}"}}',
        "-----BEGIN PGP PRIVATE KEY BLOCK-----\n",
        "x" * (confidential.HEAD_BYTES - 80) + begin(""),
    ],
)
def test_a_private_key_by_any_name_is_refused(tmp_path: Path, text: str) -> None:
    app(tmp_path, deploy_key=text)
    with pytest.raises(OpsError) as refused:
        files_of(tmp_path)
    assert refused.value.code == Exit.FAILED
    assert str(refused.value) == (
        f"{tmp_path}: expected no secret in a release, found deploy_key (a private key): keep them "
        "out with .gitignore, or outside the folder; what is none is packed with --include PATH"
    )
    assert "deploy_key" in files_of(tmp_path, ["deploy_key"]).files


def test_an_aws_access_key_with_its_secret_is_refused(tmp_path: Path) -> None:
    app(tmp_path, **{"settings.py": f'KEY = "{KEY_ID}"\nSECRET = "{SECRET}"\n'})
    with pytest.raises(OpsError, match=r"found settings\.py \(an AWS access key with its secret\)"):
        files_of(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        KEY_ID,
        SECRET,
        f"{KEY_ID} da39a3ee5e6b4b0d3255bfef95601890afd80709",
        f"{KEY_ID} DA39A3EE5E6B4B0D3255BFEF95601890AFD80709",
        f"{KEY_ID} {SECRET}{SECRET}",
        f"x{KEY_ID} {SECRET}",
        f"AKIAIOSFODNN7EXAMPLE {SECRET}",
        "-----BEGIN PUBLIC KEY-----",
        "BEGIN PRIVATE KEY",
    ],
)
def test_what_is_no_secret_is_packed(tmp_path: Path, text: str) -> None:
    assert "notes" in files_of(app(tmp_path, notes=text)).files


def test_many_are_counted_and_some_named(tmp_path: Path) -> None:
    app(tmp_path, **{f"k{number}": begin("") for number in range(7)})
    with pytest.raises(OpsError, match=r"k4 \(a private key\) and 2 more: keep them out"):
        files_of(tmp_path)


def test_what_is_to_be_included_is_there(tmp_path: Path) -> None:
    app(tmp_path)
    with pytest.raises(OpsError, match=r"--include absent\.txt: expected a file of") as refused:
        files_of(tmp_path, ["tasks.py", "absent.txt"])
    assert refused.value.code == Exit.USAGE


def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(app(tmp_path) / "pipe")
    with pytest.raises(OpsError, match="pipe: expected a file, found a pipe"):
        files_of(tmp_path)


def test_a_link_out_of_the_working_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (app(tmp_path / "app") / "link").symlink_to("../outside")
    monkeypatch.chdir(tmp_path / "app")
    with pytest.raises(OpsError, match="expected a link to stay within"):
        files_of(Path())
