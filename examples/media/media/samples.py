"""Sample material: `python -m media.samples OUTDIR --clips N --users N --documents N`.

Everything is made on the spot, the clips by ffmpeg's own test sources, and is the same each time.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import click
import imageio_ffmpeg

from media.customers import customer
from media.errors import MediaError, TranscodeError
from media.files import whole_file
from media.letters import write_invoice, write_letter
from worker.children import run

_SOURCES = ("testsrc2", "smptehdbars", "gradients=seed=1", "testsrc", "rgbtestsrc", "yuvtestsrc")
_SIZES = ((640, 360), (854, 480), (960, 540), (1280, 720))
_RATE = 25  # frames a second


def write_clip(target: Path, number: int) -> None:
    """Write sample clip `number` (from 0) as mkv: 8 to 14 s, a size and a pattern of its own.

    Raises TranscodeError.
    """
    width, height = _SIZES[number % len(_SIZES)]
    write_pattern(
        target,
        source=_SOURCES[number % len(_SOURCES)],
        width=width,
        height=height,
        seconds=8 + number % 7,
        tone_hertz=220 + 20 * number,
    )


def write_pattern(
    target: Path, *, source: str, width: int, height: int, seconds: int, tone_hertz: int
) -> None:
    """Write `seconds` of ffmpeg's video source `source` with a tone, as MPEG-4 and PCM in mkv.

    `source` is a name of ffmpeg's, with options of its own after a `=` if it needs any.

    Raises TranscodeError.
    """
    joint = ":" if "=" in source else "="
    video = f"{source}{joint}size={width}x{height}:rate={_RATE}"
    ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
    with whole_file(target) as part:
        done = run(
            [
                *(ffmpeg, "-hide_banner", "-nostdin", "-loglevel", "error", "-y"),
                *("-f", "lavfi", "-i", video),
                *("-f", "lavfi", "-i", f"sine=frequency={tone_hertz}"),
                *("-t", str(seconds), "-c:v", "mpeg4", "-q:v", "5", "-pix_fmt", "yuv420p"),
                *("-threads", "1", "-c:a", "pcm_s16le", "-fflags", "+bitexact"),
                *("-flags:v", "+bitexact", "-f", "matroska", f"file:{part}"),
            ],
            timeout_seconds=300.0,
        )
        if done.returncode != 0:
            raise TranscodeError.at(
                f"ffmpeg making {target.name}",
                expected="exit status 0",
                got=f"{done.returncode}: {done.stderr.decode(errors='replace').strip()}",
                remedy="check that the disk has room",
            )


def write_users(target: Path, count: int) -> None:
    """Write users 1 to `count` as a JSON list of objects: user_id, name, email, account."""
    users = []
    for user_id in range(1, count + 1):
        person = customer(user_id)
        users.append(
            {
                "user_id": user_id,
                "name": person.name,
                "email": person.email,
                "account": person.account,
            }
        )
    with whole_file(target) as part:
        part.write_text(json.dumps(users, indent=1, ensure_ascii=False), encoding="utf-8")


def write_document(target: Path, number: int) -> None:
    """Write sample document `number` (from 0): an invoice, or each third a letter of no kind."""
    if number % 3 == 2:
        write_letter(target, number)
    else:
        write_invoice(target, number)


@click.command()
@click.argument("outdir", type=click.Path(path_type=Path, file_okay=False))
@click.option("--clips", type=click.IntRange(0, 1000), default=12, show_default=True)
@click.option("--users", type=click.IntRange(0, 100_000), default=50, show_default=True)
@click.option("--documents", type=click.IntRange(0, 1000), default=6, show_default=True)
def main(outdir: Path, clips: int, users: int, documents: int) -> None:
    """Write sample material to OUTDIR: clips/, documents/ and users.json.

    What is there already is kept.
    """
    making: list[tuple[Path, Callable[[Path, int], None], int]] = [
        (outdir / "users.json", write_users, users),
        *((outdir / "clips" / f"clip-{n:03}.mkv", write_clip, n) for n in range(clips)),
        *((outdir / "documents" / f"scan-{n:03}.pdf", write_document, n) for n in range(documents)),
    ]
    try:
        with click.progressbar(making, label="samples", file=sys.stderr) as bar:
            for target, write, number in bar:
                # users.json depends on --users, and costs nothing to write again.
                if target.suffix == ".json" or not target.exists():
                    write(target, number)
    except (MediaError, OSError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{clips} clips, {users} users, {documents} documents in {outdir}")


if __name__ == "__main__":
    main()
