# SPDX-License-Identifier: Apache-2.0
"""What a bag costs while it is written for long: its metadata on the disk, and its memory."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import pytest
import yaml

from bifuse_core.data.bag_notes import bag_notes
from bifuse_ros import mcap_ending
from bifuse_ros.bag_writer import BagWriter

KIND = "sensor_msgs/msg/Image"


def test_metadata_are_written_where_they_changed(tmp_path: Path) -> None:
    bag = BagWriter(tmp_path / "bag", numbered=True)
    file = tmp_path / "bag" / "metadata.yaml"

    def written(notes: dict[str, str]) -> bool:
        before = file.exists()
        if before:
            os.utime(file, ns=(0, 0))
        bag.flush(notes)
        return not before or file.stat().st_mtime_ns != 0

    assert written({"bifuse.a": "1"})
    topic = bag.add_topic("/a", KIND, [])
    assert written({"bifuse.a": "1"})
    bag.write(topic, 5, b"abcd")
    assert not written({"bifuse.a": "1"})
    assert written({"bifuse.a": "2"})
    assert bag_notes(tmp_path / "bag") == {"a": 2}
    bag.next_file({"bifuse.a": "2"})
    assert not written({"bifuse.a": "2"})
    information = yaml.safe_load(file.read_text())["rosbag2_bagfile_information"]
    assert information["relative_file_paths"] == ["bag_0.mcap"]
    bag.close({"bifuse.a": "2"})


def test_the_states_of_a_file_take_far_less_memory_than_one_for_each_chunk(tmp_path: Path) -> None:
    chunks = 1000
    bag = BagWriter(tmp_path / "bag")
    topic = bag.add_topic("/a", KIND, [])
    tracemalloc.start()
    try:
        for number in range(chunks):
            bag.write(topic, 10**18 + number, b"abcd")
            bag.flush({})
        ours = tracemalloc.Filter(True, mcap_ending.__file__)
        traces = tracemalloc.take_snapshot().filter_traces([ours]).traces
    finally:
        tracemalloc.stop()
    bag.close()
    assert sum(trace.size for trace in traces) < 50 * chunks


def test_a_full_disk_leaves_most_of_a_file_of_many_small_chunks(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="the system has no limits of file size")
    from rosbags.rosbag2 import Reader

    limit = 200_000
    bag = BagWriter(tmp_path / "bag")
    topic = bag.add_topic("/a", KIND, [])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        with pytest.raises(OSError, match="the bag ends here"):
            for number in range(10_000):
                bag.write(topic, number, b"abcd")
                bag.flush({})
        bag.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    with Reader(tmp_path / "bag") as reader:
        stamps = [stamp for _, stamp, _ in reader.messages()]
    assert stamps == list(range(len(stamps)))
    assert (tmp_path / "bag" / "bag.mcap").stat().st_size > 0.7 * limit
