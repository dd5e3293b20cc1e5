# SPDX-License-Identifier: Apache-2.0
"""Pairs from folders and videos, what is told when they are unusable, and reading ahead."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pytest

from bifuse_core.data.pairs import FolderPairs, ImagePair, PairError
from bifuse_core.data.read_ahead import ReadAhead
from bifuse_core.data.sources import open_pairs
from bifuse_core.data.videos import VideoPairs

PATIENCE = 20.0
"""Seconds after which a thread that should have answered counts as stuck."""

Writer = Callable[..., Path]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_folder_gives_its_pictures_by_stem_in_order(
    pair_folder: Writer, dtype: type[np.generic]
) -> None:
    folder = pair_folder(("b", "c", "a"), dtype=dtype)
    (folder / "ir" / "notes.txt").write_text("no picture")
    source = open_pairs(folder)
    for _ in range(2):  # again from the start at each iteration
        pairs = list(source)
        assert [p.name for p in pairs] == ["a", "b", "c"]
        for pair in pairs:
            thermal = cv2.imread(str(folder / "ir" / f"{pair.name}.png"), cv2.IMREAD_UNCHANGED)
            bgr = cv2.imread(str(folder / "vi" / f"{pair.name}.png"), cv2.IMREAD_UNCHANGED)
            assert pair.thermal.dtype == dtype
            np.testing.assert_array_equal(pair.thermal, thermal)
            np.testing.assert_array_equal(pair.rgb, bgr[..., ::-1])
    assert len(source) == 3
    assert source.rate is None


def test_partners_may_differ_in_format_and_a_grey_rgb_picture_has_three_channels(
    pair_folder: Writer,
) -> None:
    folder = pair_folder(("a",))
    grey = np.full((24, 32), 77, np.uint8)
    (folder / "vi" / "a.png").unlink()
    assert cv2.imwrite(str(folder / "vi" / "a.BMP"), grey)
    (pair,) = open_pairs(folder)
    np.testing.assert_array_equal(pair.rgb, np.dstack([grey] * 3))


def levels(pairs: list[ImagePair]) -> list[float]:
    return [float(np.median(p.thermal)) for p in pairs]


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".mkv"])
def test_two_videos_are_read_frame_by_frame_until_the_shorter_one_ends(
    video: Writer, suffix: str
) -> None:
    thermal, rgb = video(f"t{suffix}", frames=6), video(f"v{suffix}", frames=4)
    source = open_pairs(thermal, rgb)
    assert len(source) == 4
    assert source.rate == pytest.approx(12.5)
    for _ in range(2):
        pairs = list(source)
        assert [p.name for p in pairs] == [f"t/{i:06d}" for i in range(4)]
        assert levels(pairs) == pytest.approx([20, 40, 60, 80], abs=4)
        assert {p.thermal.shape for p in pairs} == {(48, 64)}
        assert {p.rgb.shape for p in pairs} == {(48, 64, 3)}


def test_colours_of_a_video_come_red_first(video: Writer, tmp_path: Path) -> None:
    thermal, rgb = video("t.avi", frames=1), tmp_path / "v.avi"
    writer = cv2.VideoWriter(str(rgb), cv2.VideoWriter.fourcc(*"mp4v"), 12.5, (64, 48))
    writer.write(np.full((48, 64, 3), (20, 60, 200), np.uint8))  # blue, green, red
    writer.release()
    (pair,) = open_pairs(thermal, rgb)
    np.testing.assert_allclose(np.median(pair.rgb, axis=(0, 1)), [200, 60, 20], atol=6)


def test_one_pair_of_videos_in_a_folder(video: Writer, tmp_path: Path) -> None:
    video("scene/ir/drive.mp4", frames=3), video("scene/vi/drive.avi", frames=3)
    assert len(list(open_pairs(tmp_path / "scene"))) == 3


@pytest.mark.parametrize("stem", ["drive", "drive [1]"])
def test_one_video_in_ir_finds_its_partner_in_vi(video: Writer, stem: str) -> None:
    thermal, rgb = video(f"ir/{stem}.mp4"), video(f"vi/{stem}.avi")
    video("ir/other.mp4"), video("vi/other.mp4")
    assert open_pairs(thermal) == VideoPairs(thermal, rgb)


def says(*paths: Path) -> str:
    with pytest.raises(PairError) as caught:
        list(open_pairs(*paths))
    return str(caught.value)


def test_a_missing_path_is_named(tmp_path: Path) -> None:
    assert f"{tmp_path / 'nowhere'}: no such" in says(tmp_path / "nowhere")


@pytest.mark.parametrize("count", [0, 2, 3])
def test_any_other_number_of_paths_is_refused(tmp_path: Path, count: int) -> None:
    assert f"got {count}" in says(*[tmp_path] * count)


@pytest.mark.parametrize("side", ["ir", "vi"])
def test_a_missing_side_is_named(pair_folder: Writer, side: str) -> None:
    folder = pair_folder(("a",))
    (folder / side / "a.png").unlink()
    (folder / side).rmdir()
    assert f"{folder}: needs the folders ir/ and vi/; {side}/ is missing" in says(folder)


def test_a_folder_without_pictures_says_what_counts_as_one(pair_folder: Writer) -> None:
    message = says(pair_folder(()))
    assert "no pictures" in message
    assert ".png" in message


@pytest.mark.parametrize("side", ["ir", "vi"])
def test_pictures_without_partner_are_named(pair_folder: Writer, side: str) -> None:
    folder = pair_folder(("a", "b", "c"))
    (folder / side / "b.png").unlink()
    message = says(folder)
    assert str(folder) in message
    assert "1 files" in message
    assert message.endswith(": b")


@pytest.mark.parametrize("side", ["ir", "vi"])
@pytest.mark.parametrize("damage", ["truncated", "bit rot", "empty", "no picture"])
def test_a_damaged_picture_is_named(pair_folder: Writer, side: str, damage: str) -> None:
    folder = pair_folder(("a", "b"))
    file = folder / side / "b.png"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    spoilt = {
        "truncated": file.read_bytes()[: len(content) // 2],
        "bit rot": bytes(content),
        "empty": b"",
        "no picture": b"hello",
    }
    file.write_bytes(spoilt[damage])
    assert f"{file}: not a readable picture" in says(folder)


def test_pictures_of_unequal_size_are_named_with_their_sizes(pair_folder: Writer) -> None:
    folder = pair_folder(("a",))
    assert cv2.imwrite(str(folder / "vi" / "a.png"), np.zeros((20, 31, 3), np.uint8))
    message = says(folder)
    assert str(folder / "ir" / "a.png") in message
    assert "32x24" in message
    assert "31x20" in message


def test_a_thermal_picture_of_floats_is_refused_with_its_type(pair_folder: Writer) -> None:
    folder = pair_folder(("a",))
    (folder / "ir" / "a.png").unlink()
    assert cv2.imwrite(str(folder / "ir" / "a.tif"), np.zeros((24, 32), np.float32))
    assert "float32" in says(folder)


def test_several_videos_in_a_folder_must_be_chosen_from(video: Writer, tmp_path: Path) -> None:
    for name in ("ir/a.mp4", "vi/a.mp4", "ir/b.mp4", "vi/b.mp4"):
        video(name)
    message = says(tmp_path)
    assert "2 video pairs" in message
    assert str(tmp_path / "ir" / "b.mp4") in message


def test_a_video_in_a_folder_without_partner_is_named(video: Writer, tmp_path: Path) -> None:
    video("ir/a.mp4"), video("vi/a.mp4"), video("ir/lonely.mp4")
    assert says(tmp_path).endswith(": lonely")


@pytest.mark.parametrize("name", ["a.mp4", "thermal/a.mp4", "ir/a.mp4"])
def test_one_video_alone_is_refused(video: Writer, name: str) -> None:
    file = video(name)
    message = says(file)
    assert f"{file}: one video alone" in message
    assert "vi/a.mp4" in message


def test_videos_of_unequal_size_are_named_with_their_sizes(video: Writer) -> None:
    thermal, rgb = video("t.mp4"), video("v.mp4", width=80)
    message = says(thermal, rgb)
    for fact in (str(thermal), "64x48", str(rgb), "80x48"):
        assert fact in message


@pytest.mark.parametrize("content", [b"", b"no video at all"])
def test_a_damaged_video_is_named(video: Writer, content: bytes) -> None:
    thermal, rgb = video("t.mp4"), video("v.mp4")
    rgb.write_bytes(content)
    assert f"{rgb}: not a readable video" in says(thermal, rgb)


@dataclass
class Numbered:
    """A source of tiny pairs; it counts what was taken, and fails before pair number `fails`."""

    count: int
    fails: int | None = None
    rate: float | None = None
    taken: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[ImagePair]:
        for number in range(self.count):
            if number == self.fails:
                raise PairError(f"pair {number} is damaged")
            self.taken.append(number)
            yield ImagePair(str(number), np.zeros((1, 1), np.uint8), np.zeros((1, 1, 3), np.uint8))


def within_patience(call: Callable[[], object]) -> None:
    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive(), "stuck"


def names(reader: ReadAhead, count: int) -> list[str | None]:
    pairs = [reader.next() for _ in range(count)]
    return [pair.name if pair else None for pair in pairs]


def test_reading_ahead_gives_all_pairs_in_order_and_then_the_end() -> None:
    reader = ReadAhead(Numbered(5), loop=False, capacity=2)
    assert names(reader, 6) == ["0", "1", "2", "3", "4", None]
    within_patience(reader.stop)


def test_reading_ahead_in_a_loop_starts_over() -> None:
    reader = ReadAhead(Numbered(3), loop=True, capacity=2)
    assert names(reader, 8) == ["0", "1", "2", "0", "1", "2", "0", "1"]
    within_patience(reader.stop)


def test_reading_ahead_passes_an_error_on_after_the_pairs_before_it() -> None:
    reader = ReadAhead(Numbered(5, fails=2), loop=True)
    assert names(reader, 2) == ["0", "1"]
    with pytest.raises(PairError, match="pair 2 is damaged"):
        reader.next()
    within_patience(reader.stop)


def test_reading_ahead_keeps_no_more_than_its_capacity() -> None:
    source = Numbered(1000)
    reader = ReadAhead(source, loop=False, capacity=4)
    assert names(reader, 1) == ["0"]
    within_patience(reader.stop)
    # Those kept ready, the one taken, and the one in hand.
    assert len(source.taken) <= 6


def test_an_endless_reader_stops_while_nobody_takes() -> None:
    reader = ReadAhead(Numbered(3), loop=True, capacity=2)
    within_patience(reader.stop)


@pytest.mark.parametrize("loop", [False, True])
def test_a_source_without_pairs_ends_at_once(loop: bool) -> None:
    reader = ReadAhead(Numbered(0), loop=loop)
    within_patience(reader.next)
    within_patience(reader.stop)


def test_a_folder_that_loses_a_picture_while_playing_reports_it(pair_folder: Writer) -> None:
    folder = pair_folder(("a", "b", "c"))
    pairs = iter(FolderPairs(folder))
    assert next(pairs).name == "a"
    (folder / "vi" / "b.png").unlink()
    with pytest.raises(PairError, match=r"b\.png: not a readable picture"):
        next(pairs)
