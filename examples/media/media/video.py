"""Transcodes a clip with ffmpeg: H.264 in mp4 at a given height, and a poster frame."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg

from media.errors import InputError, TranscodeError
from media.files import whole_file
from media.settings import Settings
from worker.children import run

MIN_HEIGHT, MAX_HEIGHT = 64, 2160
# Only containers that hold their own streams: a playlist (HLS, concat) would have ffmpeg open
# whatever files and addresses a stranger wrote into it.
_OPEN_SAFELY = [
    *("-protocol_whitelist", "file"),
    *("-format_whitelist", "matroska,webm,mov,mp4,avi,mpegts,mpeg,ogg,flv"),
]
_QUIET = ["-hide_banner", "-nostdin", "-loglevel", "error", "-y"]
# Same bytes for the same clip: no time of day in the file, and no version of ffmpeg's.
_REPRODUCIBLE = ["-map_metadata", "-1", "-fflags", "+bitexact"]
_REPRODUCIBLE += ["-flags:v", "+bitexact", "-flags:a", "+bitexact"]
_DURATION = re.compile(r"Duration: (\d+):(\d\d):(\d\d(?:\.\d+)?)")
_STREAM = re.compile(r"Stream #0:\d+.*?: Video: .*?, (\d+)x(\d+)[ ,\n]")
_PROBE_TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True)
class Clip:
    """What a file's headers say of its first video stream. Sizes in pixels."""

    duration_seconds: float
    width: int
    height: int


def transcode(settings: Settings, source: object, height: object) -> dict[str, object]:
    """Write `source` as mp4 of `height` pixels, and its middle frame as JPEG, below `out/video`.

    The mp4's width keeps the proportions. Returns the JSON of the task's result. Raises
    InputError for a file or height that is not acceptable, TranscodeError where ffmpeg fails.
    """
    if type(height) is not int or not MIN_HEIGHT <= height <= MAX_HEIGHT or height % 2:
        raise InputError.at(
            "height",
            expected=f"an even number of pixels from {MIN_HEIGHT} to {MAX_HEIGHT}",
            got=repr(height),
            remedy="choose such a height, 720 for instance",
        )
    path = settings.source(source, "source", max_bytes=settings.max_source_bytes)
    clip = probe(path)
    if clip.duration_seconds > settings.max_clip_seconds:
        raise InputError.at(
            f"source: {source}",
            expected=f"at most {settings.max_clip_seconds} s of video",
            got=f"{clip.duration_seconds} s",
            remedy="cut the clip, or raise MEDIA_MAX_CLIP_SECONDS",
        )
    # The whole relative path is kept: clips of one name in two folders, or of two types, would
    # otherwise overwrite each other's result.
    stem = settings.out / "video" / f"{settings.relative(path)}.{height}p"
    video, poster = Path(f"{stem}.mp4"), Path(f"{stem}.jpg")
    # The inner file is renamed first: where there is a video, there is its poster.
    with whole_file(video) as video_part, whole_file(poster) as poster_part:
        middle_seconds = clip.duration_seconds / 2
        arguments = _arguments(path, height, middle_seconds, video_part, poster_part)
        _ffmpeg(arguments, path, timeout_seconds=settings.transcode_timeout_seconds)
        made = _checked(path, clip, video_part, poster_part)
    return {
        "source": settings.relative(path),
        "video": settings.relative(video),
        "poster": settings.relative(poster),
        "width": made.width,
        "height": made.height,
        "duration_seconds": made.duration_seconds,
        "video_bytes": video.stat().st_size,
        "poster_bytes": poster.stat().st_size,
    }


def probe(path: Path) -> Clip:
    """Read a clip's duration and size from its headers.

    Raises InputError where ffmpeg cannot open the file or finds no video of known length in it.
    """
    ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
    # Without an output ffmpeg describes its input and then exits with 1, whatever it has found.
    done = run(
        [ffmpeg, "-hide_banner", "-nostdin", *_OPEN_SAFELY, "-i", f"file:{path}"],
        timeout_seconds=_PROBE_TIMEOUT_SECONDS,
    )
    said = done.stderr.decode(errors="replace")
    duration, stream = _DURATION.search(said), _STREAM.search(said)
    if duration is None or stream is None:
        raise InputError.at(
            f"source: {path.name}",
            expected="a clip with a video stream of known length",
            got=f"a file of which ffmpeg says: {_last_lines(said)}",
            remedy="check that it plays, and that it is mp4, mkv, avi, mpeg, ogg or flv",
        )
    hours, minutes, seconds = duration.groups()
    length_seconds = int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    return Clip(length_seconds, int(stream[1]), int(stream[2]))


def _arguments(source: Path, height: int, middle_seconds: float, mp4: Path, jpg: Path) -> list[str]:
    scale = ["-vf", f"scale=-2:{height}"]  # -2: in proportion, and even as yuv420p wants it
    return [
        *_QUIET,
        *("-filter_threads", "1", "-threads", "1", *_OPEN_SAFELY, "-i", f"file:{source}"),
        *("-map", "0:v:0", "-map", "0:a:0?", *scale, "-threads", "1"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-crf", "26", "-pix_fmt", "yuv420p"),
        *("-c:a", "aac", "-b:a", "96k", *_REPRODUCIBLE, "-movflags", "+faststart"),
        *("-f", "mp4", f"file:{mp4}"),
        *("-map", "0:v:0", *scale, "-threads", "1", "-ss", f"{middle_seconds:.3f}"),
        *("-frames:v", "1", "-c:v", "mjpeg", "-q:v", "3", "-pix_fmt", "yuvj420p"),
        *(*_REPRODUCIBLE, "-f", "image2", "-update", "1", f"file:{jpg}"),
    ]


def _ffmpeg(arguments: list[str], source: Path, timeout_seconds: float) -> None:
    ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
    try:
        done = run([ffmpeg, *arguments], timeout_seconds=timeout_seconds)
    except subprocess.TimeoutExpired as expired:
        raise TranscodeError.at(
            f"ffmpeg on {source.name}",
            expected=f"an end within {timeout_seconds} s",
            got="none, it was stopped",
            remedy="send a shorter clip, or raise MEDIA_TRANSCODE_TIMEOUT_SECONDS",
        ) from expired
    if done.returncode != 0:
        raise TranscodeError.at(
            f"ffmpeg on {source.name}",
            expected="exit status 0",
            got=f"{done.returncode}: {_last_lines(done.stderr.decode(errors='replace'))}",
            remedy="check that the clip plays to its end",
        )


def _checked(source: Path, clip: Clip, mp4: Path, jpg: Path) -> Clip:
    """Return what was made. ffmpeg exits with 0 also for a clip that breaks off in the middle."""
    made = probe(mp4)
    complete = made.duration_seconds + 0.5 > 0.9 * clip.duration_seconds
    if not complete or not jpg.exists():
        found = "no picture in its middle" if complete else f"{made.duration_seconds} s"
        raise TranscodeError.at(
            f"ffmpeg on {source.name}",
            expected=f"{clip.duration_seconds} s of video, as its headers say",
            got=found,
            remedy="the clip is cut short or damaged: send it again",
        )
    return made


def _last_lines(text: str) -> str:
    # ffmpeg names the cause first, and then every part of it that gave up on its account.
    lines = [line.strip() for line in text.strip().splitlines()[-20:]]
    return " | ".join(lines)[-3000:]
