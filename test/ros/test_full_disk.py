# SPDX-License-Identifier: Apache-2.0
"""Recording until the disk is full: the bag ends before, and is as good as any.

A limit to the size of files stands for the disk: what exceeds it is refused just so.
"""

from __future__ import annotations

import errno
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from image_messages import image, scene
from rclpy.qos import qos_profile_sensor_data
from rclpy.serialization import serialize_message
from rosbags.rosbag2 import CompressionMode, Reader
from sensor_msgs.msg import Image
from spinning import Client

from bifuse_core.data.bags import BagPairs
from bifuse_ros.bag_writer import BagWriter
from bifuse_ros.mcap_ending import EndingFile

ROOT = Path(__file__).resolve().parents[2]
WIDTH, HEIGHT = 320, 240
KIND = "sensor_msgs/msg/Image"
PERIOD = 40_000_000
ENDING = 20_000
"""Bytes that the end of a bag takes at least: it has the definition of its messages in it."""


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def write_until_full(path: Path, *, pairs: int, compress: bool = False) -> list[int]:
    """Write pairs, and return the sizes of the file on the way."""
    writer = BagWriter(path, compress=compress)
    topics = [writer.add_topic(f"/{c}/image_raw", KIND, []) for c in ("thermal", "rgb")]
    sizes = []
    try:
        for number in range(pairs):
            stamp = (number + 1) * PERIOD
            pictures = zip(topics, scene(number, WIDTH, HEIGHT), ("mono8", "rgb8"), strict=True)
            for topic, picture, encoding in pictures:
                data = serialize_message(image(picture, encoding, stamp))
                writer.write(topic, stamp + topic, data)
            sizes.append((path / f"{path.name}.mcap").stat().st_size)
    except OSError as error:
        assert "File too large; the bag ends here" in str(error)
    writer.close({"note": "text"})
    return sizes


def assert_good(bag: Path, *, at_least: int) -> None:
    """Read all of it, by its metadata and by its file alone."""
    pairs = list(BagPairs(bag))
    assert len(pairs) >= at_least
    for pair, (image_of, _) in zip(pairs, BagPairs(bag).index, strict=True):
        thermal, rgb = scene(image_of.stamp // PERIOD - 1, WIDTH, HEIGHT)
        np.testing.assert_array_equal(pair.thermal, thermal)
        np.testing.assert_array_equal(pair.rgb, rgb)
    assert len(BagPairs(bag / f"{bag.name}.mcap")) == len(pairs)
    with Reader(bag) as reader:
        stamps = [stamp for _, stamp, _ in reader.messages()]
        assert reader.message_count == len(stamps)
        assert (reader.start_time, reader.end_time) == (min(stamps), max(stamps) + 1)
    mcap_reader = pytest.importorskip("mcap.reader", reason="mcap is missing")
    with (bag / f"{bag.name}.mcap").open("rb") as file:
        assert len(list(mcap_reader.make_reader(file).iter_messages())) == len(stamps)


@pytest.fixture(scope="module")
def chunk_ends(tmp_path_factory: pytest.TempPathFactory) -> list[int]:
    """Sizes at which a file consists of whole chunks."""
    sizes = write_until_full(tmp_path_factory.mktemp("free") / "bag", pairs=12)
    return sorted(set(sizes))[1:]


# The end does not fit behind the last chunk; just does; and a chunk breaks off.
@pytest.mark.parametrize("over", [-1, 0, 1, ENDING // 2, 500_000])
def test_wherever_the_disk_is_full_the_bag_is_good(
    tmp_path: Path, chunk_ends: list[int], over: int
) -> None:
    limit = chunk_ends[2] + over
    with files_up_to(limit):
        write_until_full(tmp_path / "bag", pairs=30)
    assert_good(tmp_path / "bag", at_least=3)
    # Of the end of a full disk at most two chunks are given up, each a picture above a MiB.
    lost = limit - (tmp_path / "bag" / "bag.mcap").stat().st_size
    assert lost < 2 * (2**20 + 3 * WIDTH * HEIGHT + ENDING)


def test_a_compressed_bag_ends_as_well(tmp_path: Path) -> None:
    with files_up_to(300_000):
        write_until_full(tmp_path / "bag", pairs=200, compress=True)
    assert_good(tmp_path / "bag", at_least=5)


def test_a_bag_without_room_for_a_chunk_is_empty(tmp_path: Path) -> None:
    with files_up_to(ENDING):
        write_until_full(tmp_path / "bag", pairs=12)
    with Reader(tmp_path / "bag") as reader:
        assert reader.message_count == 0


def test_where_not_even_that_fits_nothing_is_left(tmp_path: Path) -> None:
    with files_up_to(10), pytest.raises(OSError, match="bag: File too large"):
        BagWriter(tmp_path / "bag")
    assert not (tmp_path / "bag").exists()


def two_files(bag: Path) -> BagWriter:
    """Return the writer of a bag that is in its second file, with one pair in each."""
    writer = BagWriter(bag, numbered=True)
    topics = [writer.add_topic(f"/{c}/image_raw", KIND, []) for c in ("thermal", "rgb")]
    for number in range(2):
        stamp = (number + 1) * PERIOD
        pictures = zip(topics, scene(number, WIDTH, HEIGHT), ("mono8", "rgb8"), strict=True)
        for topic, picture, encoding in pictures:
            writer.write(topic, stamp, serialize_message(image(picture, encoding, stamp)))
        if not number:
            writer.next_file({"note": "text"})
    return writer


def assert_first_pairs(bag: Path, count: int) -> None:
    pairs = list(BagPairs(bag))
    assert len(pairs) == count
    for number, pair in enumerate(pairs):
        np.testing.assert_array_equal(pair.rgb, scene(number, WIDTH, HEIGHT)[1])
    assert len(list(bag.glob("*.mcap"))) == count


def test_a_file_without_room_for_its_end_leaves_those_before_as_they_were(tmp_path: Path) -> None:
    writer = two_files(tmp_path / "bag")
    with files_up_to(10), pytest.raises(OSError, match="File too large"):
        writer.close()
    assert_first_pairs(tmp_path / "bag", 1)


def test_where_the_next_file_has_no_room_those_before_are_the_bag(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = two_files(tmp_path / "bag")
    begin = EndingFile.__init__

    def full(self: EndingFile, path: Path, compression: CompressionMode) -> None:
        begin(self, path, compression)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(EndingFile, "__init__", full)
    with pytest.raises(OSError, match="bag: No space left on device; the bag ends here"):
        writer.next_file({})
    writer.close()
    assert_first_pairs(tmp_path / "bag", 2)


LIMITED = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (4_000_000, 4_000_000))
sys.argv = ["recorder_node", *sys.argv[1:]]
runpy.run_module("bifuse_ros.recorder_node", run_name="__main__", alter_sys=False)
"""


def test_the_node_ends_with_one_error_and_a_good_bag(
    client: Client, process: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    (tmp_path / "limited.py").write_text(LIMITED)
    cameras = [
        client.create_publisher(Image, f"/{camera}/image_raw", qos_profile_sensor_data)
        for camera in ("thermal", "rgb")
    ]
    options = ["-p", "choose.every:=1", "-p", f"bag:={tmp_path / 'bag'}"]
    path = f"{tmp_path}:{ROOT}"
    recorder = process("limited", "--ros-args", *options, PYTHONPATH=path)
    client.until(lambda: all(c.get_subscription_count() for c in cameras), "it records")
    client.pause(0.5)
    sent = 0

    def ended() -> bool:
        nonlocal sent
        stamp = (sent + 1) * PERIOD
        pictures = zip(cameras, scene(sent, WIDTH, HEIGHT), ("mono8", "rgb8"), strict=True)
        for camera, picture, encoding in pictures:
            camera.publish(image(picture, encoding, stamp))
        sent += 1
        client.pause(0.03)
        return recorder.poll() is not None

    client.until(ended, "it ends")
    output, _ = recorder.communicate()
    assert recorder.returncode == 1, output
    assert output.count("File too large; the bag ends here") == 1
    assert "[ERROR]" not in output and "Traceback" not in output, output
    assert_good(tmp_path / "bag", at_least=4)
