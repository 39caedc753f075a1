"""The service's settings, read from environment variables whose names begin with MEDIA_."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from media.errors import InputError, SettingsError


@dataclass(frozen=True)
class Settings:
    """Where the service reads and writes, and the bounds it holds its inputs to.

    `root` and `out` are absolute with symbolic links resolved; `out` is `root` or below it.
    """

    root: Path
    out: Path
    smtp_host: str
    smtp_port: int
    smtp_timeout_seconds: int
    mail_from: str
    transcode_timeout_seconds: int
    max_source_bytes: int
    max_clip_seconds: int
    max_document_bytes: int
    max_document_pages: int

    def inside(self, path: object, place: str) -> Path:
        """Return `path`, relative to `root` or absolute, as an absolute path below `root`.

        `place` names the argument in the error. Raises InputError for anything that is not a
        path, or that leads out of `root`, also through `..` or a symbolic link.
        """
        if not isinstance(path, str) or not path or "\0" in path:
            raise InputError.at(
                place, expected="the path of a file", got=repr(path), remedy="pass a path"
            )
        resolved = (self.root / path).resolve()
        if not resolved.is_relative_to(self.root):
            raise InputError.at(
                place,
                expected=f"a path below MEDIA_ROOT ({self.root})",
                got=repr(path),
                remedy="move the file there, or set MEDIA_ROOT to a folder that holds it",
            )
        return resolved

    def source(self, path: object, place: str, *, max_bytes: int) -> Path:
        """Return `path` as `inside` does, once it is known to be a file of at most `max_bytes`.

        Raises InputError.
        """
        source = self.inside(path, place)
        if not source.is_file():
            found = "a folder" if source.is_dir() else "nothing there"
            raise InputError.at(
                f"{place}: {path}", expected="a file", got=found, remedy="check the path"
            )
        size_bytes = source.stat().st_size
        if not 0 < size_bytes <= max_bytes:
            raise InputError.at(
                f"{place}: {path}",
                expected=f"1 to {max_bytes} bytes",
                got=f"{size_bytes} bytes",
                remedy="send a smaller file, or raise the bound (see README.md, Settings)",
            )
        return source

    def relative(self, path: Path) -> str:
        """Return `path`, below `root`, as tasks pass it on: relative to `root`, with slashes."""
        return path.relative_to(self.root).as_posix()


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from `environ` (the process's own where None).

    Raises SettingsError, which names the variable.
    """
    env = os.environ if environ is None else environ
    root = Path(env.get("MEDIA_ROOT", "var")).resolve()
    out = (root / env.get("MEDIA_OUT", "out")).resolve()
    if not out.is_relative_to(root):
        raise SettingsError.at(
            "MEDIA_OUT",
            expected=f"a folder below MEDIA_ROOT ({root})",
            got=str(out),
            remedy="set both, so that one task can read what another has written",
        )
    return Settings(
        root=root,
        out=out,
        smtp_host=env.get("MEDIA_SMTP_HOST", "127.0.0.1"),
        smtp_port=_number(env, "MEDIA_SMTP_PORT", 1025, at_most=65535),
        smtp_timeout_seconds=_number(env, "MEDIA_SMTP_TIMEOUT_SECONDS", 20, at_most=300),
        mail_from=env.get("MEDIA_MAIL_FROM", "statements@meridian.example"),
        transcode_timeout_seconds=_number(env, "MEDIA_TRANSCODE_TIMEOUT_SECONDS", 28 * 60),
        max_source_bytes=_number(env, "MEDIA_MAX_SOURCE_BYTES", 2 * 1024**3),
        max_clip_seconds=_number(env, "MEDIA_MAX_CLIP_SECONDS", 60 * 60),
        max_document_bytes=_number(env, "MEDIA_MAX_DOCUMENT_BYTES", 20 * 1024**2),
        max_document_pages=_number(env, "MEDIA_MAX_DOCUMENT_PAGES", 200),
    )


def _number(env: Mapping[str, str], name: str, default: int, at_most: int = 10**12) -> int:
    text = env.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= at_most:
        raise SettingsError.at(
            name,
            expected=f"a whole number from 1 to {at_most}",
            got=repr(text),
            remedy=f"correct it, or unset it for {default}",
        )
    return int(text)
