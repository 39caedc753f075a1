import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import psutil
import pytest
from media import video
from media.errors import InputError, TranscodeError
from media.samples import write_pattern
from media.settings import read_settings
from PIL import Image

ROOT = Path(__file__).parents[2]
DEADLINE_SECONDS = 20.0


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def transcode(source: object, height: object) -> dict[str, Any]:
    return video.transcode(read_settings(), source, height)


def files_in(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    for name, source, width, height, seconds in (
        ("short.mkv", "testsrc", 320, 180, 2),
        ("tall.mkv", "rgbtestsrc", 180, 320, 1),
        ("long.mkv", "testsrc2", 160, 90, 90),
    ):
        write_pattern(
            folder / name,
            source=source,
            width=width,
            height=height,
            seconds=seconds,
            tone_hertz=440,
        )
    return folder


@pytest.fixture
def root(clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "in").mkdir()
    for clip in clips.iterdir():
        (tmp_path / "in" / clip.name).hardlink_to(clip)
    monkeypatch.setenv("MEDIA_ROOT", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("clip", "size", "seconds"), [("short", (426, 240), 2.0), ("tall", (136, 240), 1.0)]
)
def test_a_clip_becomes_h264_of_the_asked_height_and_a_poster(
    root: Path, clip: str, size: tuple[int, int], seconds: float
) -> None:
    result = transcode(f"in/{clip}.mkv", 240)
    made, poster = root / result["video"], root / result["poster"]
    assert made == root / f"out/video/in/{clip}.mkv.240p.mp4"
    assert (result["width"], result["height"]) == size
    assert result["video_bytes"] == made.stat().st_size
    assert files_in(root / "out") == {made.name, poster.name}
    frames = imageio_ffmpeg.read_frames(str(made))
    about = next(frames)
    frames.close()
    assert about["codec"].startswith("h264")
    assert about["audio_codec"].startswith("aac")
    assert about["size"] == size
    assert about["duration"] == pytest.approx(seconds, abs=0.2)
    with Image.open(poster) as image:
        assert (image.format, image.size) == ("JPEG", size)
        colours = image.convert("RGB").getcolors(maxcolors=1_000_000)
    assert len(colours) > 50  # a picture, not one grey


def test_running_twice_gives_the_same_files(root: Path) -> None:
    first = transcode("in/short.mkv", 120)
    before = {key: (root / first[key]).read_bytes() for key in ("video", "poster")}
    assert transcode("in/short.mkv", 120) == first
    assert {key: (root / first[key]).read_bytes() for key in ("video", "poster")} == before
    # nor does another node's version of ffmpeg show
    assert all(re.search(rb"Lav[cf][0-9]", content) is None for content in before.values())


@pytest.mark.parametrize("height", [63, 62, 2162, 241, 0, -2, "240", 240.0, True, None])
def test_a_height_that_cannot_be_is_refused(root: Path, height: object) -> None:
    with pytest.raises(InputError, match=r"^height: expected an even number .* from 64 to 2160"):
        transcode("in/short.mkv", height)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("../elsewhere.mkv", "expected a path below MEDIA_ROOT"),
        ("/etc/hostname", "expected a path below MEDIA_ROOT"),
        ("in/nothing.mkv", "expected a file, got nothing there"),
        ("in", "expected a file, got a folder"),
        ("empty.mkv", "expected 1 to 2147483648 bytes, got 0 bytes"),
        ("", "expected the path of a file"),
        ("a\0b", "expected the path of a file"),
        (7, "expected the path of a file, got 7"),
        ("link.mkv", "expected a path below MEDIA_ROOT"),
        ("text.mkv", "expected a clip with a video stream"),
    ],
)
def test_a_source_that_is_no_clip_is_refused(root: Path, source: object, message: str) -> None:
    (root / "empty.mkv").touch()
    (root / "text.mkv").write_text("no clip at all\n" * 100)
    (root / "link.mkv").symlink_to("/etc/hostname")
    with pytest.raises(InputError, match=message):
        transcode(source, 240)
    assert not (root / "out").exists()


def test_a_clip_longer_or_larger_than_the_bounds_is_refused(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDIA_MAX_CLIP_SECONDS", "89")
    with pytest.raises(InputError, match=r"expected at most 89 s of video, got 90\.0 s"):
        transcode("in/long.mkv", 64)
    monkeypatch.setenv("MEDIA_MAX_SOURCE_BYTES", "1000")
    with pytest.raises(InputError, match="expected 1 to 1000 bytes, got"):
        transcode("in/short.mkv", 64)


@pytest.mark.parametrize(
    ("name", "listing"),
    [
        ("list.ffconcat", "ffconcat version 1.0\nfile short.mkv\n"),
        ("list.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nshort.ts\n#EXT-X-ENDLIST\n"),
    ],
)
def test_a_list_that_names_other_files_is_not_followed(root: Path, name: str, listing: str) -> None:
    ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error"]
    copy = [*ffmpeg, "-i", root / "in/short.mkv", "-c:v", "mpeg2video", root / "in/short.ts"]
    subprocess.run(copy, check=True)
    (root / "in" / name).write_text(listing)
    # ffmpeg itself would follow it
    subprocess.run([*ffmpeg, "-i", root / "in" / name, "-f", "null", "-"], check=True)
    with pytest.raises(InputError, match="expected a clip with a video stream"):
        transcode(f"in/{name}", 240)


@pytest.mark.parametrize(
    ("share", "got"), [(0.1, "got 0."), (0.6, "got 1."), (None, "got no picture in its middle")]
)
def test_a_clip_that_breaks_off_fails_and_leaves_the_earlier_result(
    root: Path, share: float | None, got: str
) -> None:
    result = transcode("in/short.mkv", 240)
    before = (root / result["video"]).read_bytes()
    clip = root / "in/short.mkv"
    whole = clip.read_bytes()
    clip.unlink()  # the other tests' clip is the same inode
    if share is None:  # sound goes on long after the last picture
        ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error"]
        sound = ["-f", "lavfi", "-i", "sine=duration=9"]
        picture = ["-f", "lavfi", "-i", "testsrc=duration=1", "-c:v", "mpeg4"]
        subprocess.run([*ffmpeg, *sound, *picture, clip], check=True)
    else:
        clip.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(TranscodeError, match=r"short\.mkv: expected [29]\.\d+ s of") as failed:
        transcode("in/short.mkv", 240)
    assert got in str(failed.value)
    assert (root / result["video"]).read_bytes() == before
    assert len(files_in(root / "out")) == 2


def test_what_ffmpeg_says_is_in_the_error(root: Path) -> None:
    # 4000 by 2 pixels, in proportion, would be wider than any encoder goes.
    write_pattern(
        root / "flat.mkv", source="testsrc", width=4000, height=2, seconds=1, tone_hertz=440
    )
    with pytest.raises(TranscodeError) as failed:
        transcode("flat.mkv", 2160)
    said = str(failed.value)
    assert said.startswith("ffmpeg on flat.mkv: expected exit status 0, got ")
    assert "4320000x2160" in said
    assert files_in(root / "out") == set()


def test_a_transcode_that_takes_too_long_is_stopped(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDIA_TRANSCODE_TIMEOUT_SECONDS", "1")
    with pytest.raises(TranscodeError, match="expected an end within 1 s"):
        transcode("in/long.mkv", 2160)
    assert files_in(root / "out") == set()


def test_killing_the_process_ends_ffmpeg_and_leaves_no_final_file(root: Path) -> None:
    folder = root / "out/video/in"
    program = (
        "from media import settings, video\n"
        "video.transcode(settings.read_settings(), 'in/long.mkv', 2160)\n"
    )
    worker = subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'examples/media'}"},
    )
    try:
        until(lambda: any(part.stat().st_size > 100_000 for part in folder.glob(".part-*")))
        (ffmpeg,) = psutil.Process(worker.pid).children()
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    # Nobody may reap it here, so a zombie is as dead as it gets.
    until(lambda: not ffmpeg.is_running() or ffmpeg.status() == psutil.STATUS_ZOMBIE)
    left = list(folder.iterdir())
    assert left
    assert all(path.name.startswith(".part-") for path in left)

    hours_ago = time.time() - 2 * 3600
    os.utime(left[0], (hours_ago, hours_ago))
    transcode("in/short.mkv", 64)
    abandoned, recent = left[0], left[1:]
    assert not abandoned.exists()
    assert all(part.exists() for part in recent)
