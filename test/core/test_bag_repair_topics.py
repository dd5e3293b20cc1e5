# SPDX-License-Identifier: Apache-2.0
"""Messages that a repair leaves out, since what describes their topic or type is missing."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rosbags", reason="rosbags is not installed")

from bag_files import RAW, STORE, image, write_bag  # noqa: E402

from bifuse_core.__main__ import main  # noqa: E402
from bifuse_core.data.bag_repair import repair  # noqa: E402
from bifuse_core.data.bags import BagPairs  # noqa: E402
from bifuse_core.data.faults import PairError  # noqa: E402

PERIOD = 40_000_000


def write_topics(file: Path, topics: dict[str, tuple[str, str, str]]) -> None:
    """Write three images to each of the topics; (type, encoding, definition); "" has no schema."""
    writer = pytest.importorskip("mcap.writer", reason="mcap is missing")
    with file.open("wb") as data:
        mcap = writer.Writer(data)
        mcap.start(profile="ros2", library="")
        for topic, (kind, encoding, definition) in topics.items():
            schema = mcap.register_schema(kind, encoding, definition.encode()) if kind else 0
            channel = mcap.register_channel(topic, "cdr", schema)
            picture = np.zeros((8, 12) + (3,) * topic.startswith("/rgb"), np.uint8)
            for number in range(1, 4):
                message = image(picture, "rgb8" if picture.ndim > 2 else "mono8", number * PERIOD)
                content = bytes(STORE.serialize_cdr(message, RAW))
                mcap.add_message(channel, number, content, number)
        mcap.finish()
    file.write_bytes(file.read_bytes()[:-8])


UNKNOWN = {
    "/schemaless": ("", "", ""),
    "/undefined": ("some_msgs/msg/A", "", ""),
    "/damaged": ("some_msgs/msg/B", "ros2msg", "uint8 = ?"),
    "/half": ("some_msgs/msg/C", "ros2msg", "other_msgs/Missing a"),
    "/foreign": ("some.D", "protobuf", "abc"),
    "/idl": ("some_msgs/msg/E", "ros2idl", f"{'=' * 80}\nIDL: some_msgs/msg/E\nmodule {{"),
}


def test_topics_whose_type_nobody_knows_are_left_out_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    definition, _ = STORE.generate_msgdef(RAW, ros_version=2)
    known = (RAW, "ros2msg", definition)
    topics = {"/thermal/image_raw": known, **UNKNOWN, "/rgb/image_raw": known}
    write_topics(tmp_path / "drive.mcap", topics)
    assert main(["repair", str(tmp_path / "drive.mcap")]) == 0
    out = capsys.readouterr().out
    assert ": 6 messages\n" in out
    for topic in UNKNOWN:
        assert f"left out: 3 messages of {topic}, whose type is not defined" in out
    assert len(BagPairs(tmp_path / "drive_repaired")) == 3


def test_where_no_topic_has_a_type_the_error_names_them(tmp_path: Path) -> None:
    write_topics(tmp_path / "drive.mcap", {"/a": UNKNOWN["/damaged"]})
    with pytest.raises(PairError, match="not one message in it is whole; no type is defined of /a"):
        repair(tmp_path / "drive.mcap", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_messages_without_a_topic_are_told_where_no_chunk_is_damaged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = np.zeros((8, 12), np.uint8)
    messages = [(topic, image(picture, "mono8", PERIOD)) for topic in ("/a", "/b", "/b")]
    bag = write_bag(tmp_path / "drive", messages)
    data = bytearray((bag / "drive.mcap").read_bytes()[:-8])
    # The record that describes a topic becomes one that nobody knows: 17 bytes before the name.
    data[data.index(b"/b") - 17] = 0x80
    shutil.rmtree(bag)
    (tmp_path / "drive.mcap").write_bytes(data)
    assert main(["repair", str(tmp_path / "drive.mcap")]) == 0
    out = capsys.readouterr().out
    assert ": 1 messages\nleft out: 2 messages whose topic is in no whole chunk\n" in out
    assert "damaged" not in out
