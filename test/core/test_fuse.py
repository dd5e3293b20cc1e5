# SPDX-License-Identifier: Apache-2.0
"""What `fuse` leaves: bags that another library reads, whole files or none, nothing overwritten."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import picture_files
import pytest

from bifuse_core.__main__ import main
from bifuse_core.data.pairs import FolderPairs
from bifuse_core.data.sources import open_pairs
from bifuse_core.engine.engine import Engine

Writer = Callable[..., Path]
ROOT = Path(__file__).resolve().parents[2]
TOPIC = "/fusion_node/fused/image"
NAMES = ("a", "b", "c", "d")


def fuse(*inputs: Path, out: Path, network: str = "mean") -> int:
    paths = [str(path) for path in inputs]
    return main(["fuse", *paths, "--out", str(out), "--network", network, "--device", "cpu"])


def images(bag: Path) -> list[Any]:
    """Read the images of a bag, having seen that their stamps are also the times of recording."""
    reader = pytest.importorskip("mcap_ros2.reader", reason="mcap-ros2-support is missing")
    messages = list(reader.read_ros2_messages(str(bag)))
    for message in messages:
        assert message.channel.topic == TOPIC
        assert message.log_time_ns == stamp(message.ros_msg)
    return [message.ros_msg for message in messages]


def stamp(image: Any) -> int:
    return image.header.stamp.sec * 1_000_000_000 + image.header.stamp.nanosec


def picture(image: Any) -> np.ndarray[Any, Any]:
    assert (image.encoding, image.is_bigendian, image.step) == ("rgb8", 0, 3 * image.width)
    return np.frombuffer(image.data, np.uint8).reshape(image.height, image.width, 3)


def complaint(capfd: pytest.CaptureFixture[str]) -> str:
    """Return the one line that was said."""
    printed = capfd.readouterr().err
    assert "Traceback" not in printed
    (line,) = [line for line in printed.splitlines() if line.startswith("bifuse: ")]
    return line


def test_a_folder_into_a_bag(pair_folder: Writer, tmp_path: Path) -> None:
    folder, out = pair_folder(NAMES), tmp_path / "new" / "fused.mcap"
    assert fuse(folder, out=out, network="edge") == 0
    found = images(out)
    assert [stamp(image) for image in found] == [n * 1_000_000_000 for n in range(4)]
    assert {image.header.frame_id for image in found} == {"rgb_optical_frame"}
    for image, pair in zip(found, FolderPairs(folder), strict=True):
        expected = Engine(device="cpu").fuse(pair.thermal, pair.rgb, 0)
        np.testing.assert_array_equal(picture(image), expected)
    assert [path.name for path in out.parent.iterdir()] == ["fused.mcap"]


def test_videos_into_a_bag_keep_their_rate(video: Writer, tmp_path: Path) -> None:
    thermal, rgb = video("t.mp4", frames=3), video("v.mp4", frames=3)
    assert fuse(thermal, rgb, out=tmp_path / "fused.mcap") == 0
    found = images(tmp_path / "fused.mcap")
    assert [stamp(image) for image in found] == [0, 80_000_000, 160_000_000]
    assert [np.median(picture(image)) for image in found] == pytest.approx([20, 40, 60], abs=4)


def test_a_bag_into_a_bag_keeps_stamps_and_frame_of_the_rgb_camera(tmp_path: Path) -> None:
    pytest.importorskip("rosbags", reason="rosbags is not installed")
    from bag_files import image, write_bag

    stamps = [1_700_000_000_000_000_000 + number * 40_000_000 for number in range(4)]
    messages = []
    for number, time in enumerate(stamps):
        thermal = image(picture_files.thermal(number), "mono8", time + 2_000_000)
        thermal.header.frame_id = "of the thermal camera"
        messages.append(("/thermal/image_raw", thermal))
        messages.append(("/rgb/image_raw", image(picture_files.rgb(number), "rgb8", time)))
    bag, out = write_bag(tmp_path / "bag", messages), tmp_path / "fused.mcap"
    assert fuse(bag, out=out, network="max") == 0
    found = images(out)
    assert [stamp(message) for message in found] == stamps
    assert {message.header.frame_id for message in found} == {"camera"}
    # Our own reader opens it too, and says what is in it.
    with pytest.raises(ValueError, match=f"no images on .*; topics of images: {TOPIC}$"):
        open_pairs(out)


@pytest.mark.parametrize("name", ["fused.mcap", "fused.mp4"])
def test_a_damaged_pair_leaves_no_file_that_looks_whole(
    pair_folder: Writer, tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    folder, out = pair_folder(NAMES), tmp_path / "out" / name
    (folder / "vi" / "c.png").write_bytes(b"no picture")
    assert fuse(folder, out=out) == 2
    assert str(folder / "vi" / "c.png") in complaint(capfd)
    assert list(out.parent.iterdir()) == []


@pytest.mark.parametrize("name", ["fused.mcap", "fused.mp4"])
def test_an_interrupted_run_leaves_no_file_that_looks_whole(
    pair_folder: Writer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    fused: list[int] = []

    def interrupted(engine: Engine, thermal: Any, rgb: Any, stamp: int) -> Any:
        fused.append(stamp)
        if len(fused) == 3:
            raise KeyboardInterrupt
        return rgb

    monkeypatch.setattr(Engine, "fuse", interrupted)
    out = tmp_path / "out" / name
    assert fuse(pair_folder(NAMES), out=out) == 130
    assert len(fused) == 3
    assert list(out.parent.iterdir()) == []


def test_a_damaged_pair_leaves_the_pictures_before_it(pair_folder: Writer, tmp_path: Path) -> None:
    folder, out = pair_folder(NAMES), tmp_path / "out"
    (folder / "vi" / "c.png").write_bytes(b"no picture")
    assert fuse(folder, out=out) == 2
    assert sorted(path.name for path in out.iterdir()) == ["a.png", "b.png"]


@pytest.mark.parametrize("name", ["fused.mcap", "fused.mp4", "ir"])
def test_nothing_is_overwritten(
    pair_folder: Writer, tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    folder = pair_folder(NAMES)
    out = folder / name
    if out.suffix:
        out.write_bytes(b"precious")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert fuse(folder, out=out) == 2
    assert f"{out} " in (line := complaint(capfd))
    assert "name another --out" in line
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("{file}/fused.mcap", "{file}"),
        ("{file}/fused", "{file}"),
        ("{folder}/fused.db3", "bags are written as .mcap, not .db3"),
    ],
)
def test_what_cannot_be_written_is_one_line(
    pair_folder: Writer,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    out: str,
    message: str,
) -> None:
    file = tmp_path / "file"
    file.write_text("no folder")
    names = {"file": file, "folder": tmp_path}
    assert fuse(pair_folder(NAMES), out=Path(out.format(**names))) == 2
    assert message.format(**names) in complaint(capfd)


def test_pairs_of_two_sizes_make_no_video(
    pair_folder: Writer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = pair_folder(NAMES)
    for side, shape in (("ir", (20, 30)), ("vi", (20, 30, 3))):
        picture_files.write(folder / side / "c.png", np.zeros(shape, np.uint8))
    assert fuse(folder, out=tmp_path / "out" / "fused.mp4") == 2
    assert "pair c is 30x20, the video 32x24" in complaint(capfd)
    assert list((tmp_path / "out").iterdir()) == []


FULL_DISK = """
import resource, sys
from bifuse_core.__main__ import main
resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))
for out in sys.argv[2:]:
    assert main(["fuse", sys.argv[1], "--network", "mean", "--device", "cpu", "--out", out]) == 2
"""


def test_a_full_disk_is_one_line_and_leaves_nothing(pair_folder: Writer, tmp_path: Path) -> None:
    outs = [tmp_path / "out" / name for name in ("fused.mcap", "fused.mp4", "fused")]
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(pair_folder(NAMES)), *map(str, outs)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("bifuse: ")]
    assert len(lines) == len(outs)
    for line, out in zip(lines, outs, strict=True):
        assert line.startswith(f"bifuse: {out}")
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == []
