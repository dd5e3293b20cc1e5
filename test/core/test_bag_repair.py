# SPDX-License-Identifier: Apache-2.0
"""Bags whose recording broke off: what the reader says of them, and what a repair saves."""

from __future__ import annotations

import io
import logging
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

pytest.importorskip("rosbags", reason="rosbags is not installed")

from bag_files import STORE, image, write_bag  # noqa: E402
from rosbags.interfaces import (  # noqa: E402
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer  # noqa: E402

from bifuse_core.__main__ import main  # noqa: E402
from bifuse_core.data.bag_notes import bag_notes, noted  # noqa: E402
from bifuse_core.data.bag_repair import repair  # noqa: E402
from bifuse_core.data.bags import BagPairs  # noqa: E402
from bifuse_core.data.faults import PairError  # noqa: E402

COUNT = 6
WIDTH, HEIGHT = 640, 440
PERIOD = 40_000_000


@cache
def picture(number: int, channels: int) -> np.ndarray[Any, Any]:
    """Return noise: each pair fills a chunk, of just above 1 MiB, and is not compressed by much."""
    noise = np.random.default_rng([number, channels]).integers(256, size=(HEIGHT, WIDTH, channels))
    return noise.astype(np.uint8).squeeze()


def messages() -> list[tuple[str, Any]]:
    found = []
    for number in range(COUNT):
        stamp = (number + 1) * PERIOD
        found += [
            ("/thermal/image_raw", image(picture(number, 1), "mono8", stamp)),
            ("/rgb/image_raw", image(picture(number, 3), "rgb8", stamp + 1000)),
        ]
    return found


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole bag of MCAP; nobody may change it."""
    return write_bag(tmp_path_factory.mktemp("whole") / "drive", messages())


@pytest.fixture(scope="module")
def recorded_compressed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("compressed") / "drive"
    writer = Writer(path, version=8, storage_plugin=StoragePlugin.MCAP)
    writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
    with writer:
        topics: dict[str, Any] = {}
        for number, (topic, message) in enumerate(messages()):
            kind = message.__msgtype__
            if topic not in topics:
                topics[topic] = writer.add_connection(topic, kind, typestore=STORE)
            writer.write(topics[topic], number, STORE.serialize_cdr(message, kind))
    return path


def broken(recorded: Path, folder: Path, data: bytes) -> Path:
    """Return a bag as a killed recorder leaves it: one file, and no metadata."""
    bag = folder / recorded.name
    bag.mkdir()
    (bag / f"{recorded.name}.mcap").write_bytes(data)
    return bag


def data_of(recorded: Path) -> bytes:
    return (recorded / f"{recorded.name}.mcap").read_bytes()


def readable(data: bytes) -> list[tuple[int, bytes]]:
    """Return the (time, data) of the messages that another library finds before it fails."""
    reader = pytest.importorskip("mcap.stream_reader", reason="mcap is missing")
    from mcap.records import Message

    found = []
    try:
        for record in reader.StreamReader(io.BytesIO(data)).records:
            if isinstance(record, Message):
                found.append((record.log_time, bytes(record.data)))
    # It has its own names for what a cut does to a record.
    except Exception:
        pass
    return found


def messages_of(bag: Path) -> list[tuple[int, bytes]]:
    reader = pytest.importorskip("mcap.reader", reason="mcap is missing")
    with (bag / f"{bag.name}.mcap").open("rb") as file:
        found = reader.make_reader(file).iter_messages(log_time_order=False)
        return [(message.log_time, bytes(message.data)) for _, _, message in found]


@pytest.mark.parametrize("compressed", [False, True])
def test_wherever_a_bag_is_cut_all_whole_chunks_are_saved(
    tmp_path: Path,
    recorded: Path,
    recorded_compressed: Path,
    compressed: bool,
    random: np.random.Generator,
) -> None:
    source = recorded_compressed if compressed else recorded
    data = data_of(source)
    saved = []
    for number, cut in enumerate(random.integers(len(data) // 5, len(data), size=4)):
        (tmp_path / str(number)).mkdir()
        bag = broken(source, tmp_path / str(number), data[:cut])
        with pytest.raises(PairError, match=f"`bifuse repair {bag}`"):
            BagPairs(bag)
        out = bag.with_name("out")
        done = repair(bag, out, compress=compressed)
        assert messages_of(out) == readable(data[:cut])
        pairs = list(BagPairs(out))
        assert done.messages == 2 * len(pairs)
        assert (done.damaged, done.nameless) == (0, 0)
        for place, pair in enumerate(pairs):
            np.testing.assert_array_equal(pair.thermal, picture(place, 1))
            np.testing.assert_array_equal(pair.rgb, picture(place, 3))
        assert (bag / "drive.mcap").read_bytes() == data[:cut]
        saved.append(len(pairs))
    assert len(set(saved)) > 1 and max(saved) <= COUNT


def chunks_of(data: bytes) -> list[int]:
    """Return where the content of each chunk begins; that is 40 bytes before its first record."""
    at, found = 8, []
    while data[at] != 15:
        if data[at] == 6:
            found.append(at + 9)
        at += 9 + int.from_bytes(data[at + 1 : at + 9], "little")
    return found


@pytest.mark.parametrize("zeros", [False, True])
def test_only_the_chunk_that_is_damaged_is_left_out(
    tmp_path: Path, recorded: Path, zeros: bool
) -> None:
    data = bytearray(data_of(recorded))
    chunks = chunks_of(data)
    first = chunks[2] + 40
    if zeros:
        data[first : first + 1000] = bytes(1000)
    else:
        # Its first record would be longer than the chunk.
        data[first + 7] = 0xFF
    done = repair(broken(recorded, tmp_path, bytes(data[:-8])), tmp_path / "out")
    whole = readable(data_of(recorded))
    lost = done.damaged, len(whole) - done.messages
    assert lost == (1, 2)
    assert messages_of(tmp_path / "out") == [*whole[:4], *whole[6:]]


def test_messages_whose_topic_nobody_knows_are_counted(tmp_path: Path, recorded: Path) -> None:
    data = bytearray(data_of(recorded))
    data[chunks_of(data)[0] + 40 + 7] = 0xFF
    bag = broken(recorded, tmp_path, bytes(data[:-8]))
    with pytest.raises(PairError, match="not one message in it is whole"):
        repair(bag, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_zeros_behind_the_last_chunk_are_its_end(tmp_path: Path, recorded: Path) -> None:
    data = data_of(recorded)
    until = chunks_of(data)[2] - 9
    done = repair(broken(recorded, tmp_path, data[:until] + bytes(5000)), tmp_path / "out")
    assert (done.messages, done.damaged) == (len(readable(data[:until])), 0)


def test_topics_keep_their_type_and_quality_of_service(tmp_path: Path) -> None:
    offered = Qos(
        QosHistory.KEEP_LAST,
        7,
        QosReliability.BEST_EFFORT,
        QosDurability.VOLATILE,
        QosTime(1, 2),
        QosTime(3, 4),
        QosLiveliness.AUTOMATIC,
        QosTime(5, 6),
        False,
    )
    with Writer(tmp_path / "bag", version=8, storage_plugin=StoragePlugin.MCAP) as writer:
        kind = "sensor_msgs/msg/Image"
        topic = writer.add_connection("/a", kind, typestore=STORE, offered_qos_profiles=[offered])
        message = image(picture(0, 1), "mono8", PERIOD)
        writer.write(topic, 5, STORE.serialize_cdr(message, kind))
    bag = broken(tmp_path / "bag", tmp_path / "bag", data_of(tmp_path / "bag")[:-8])
    repair(bag, tmp_path / "out")
    texts = [tmp_path / name / "metadata.yaml" for name in ("bag", "out")]
    before, after = (yaml.safe_load(t.read_text())["rosbag2_bagfile_information"] for t in texts)
    assert before["topics_with_message_count"] == after["topics_with_message_count"]


def test_a_recording_of_several_files_is_read_without_the_last_and_repaired_with_it(
    tmp_path: Path, recorded: Path, caplog: pytest.LogCaptureFixture
) -> None:
    halves = messages()[:4], messages()[4:]
    bag = tmp_path / "drive"
    bag.mkdir()
    # The number of a file counts, not the order of names.
    for number, half in zip((9, 10), halves, strict=True):
        part = write_bag(tmp_path / f"drive_{number}", half)
        data = data_of(part)
        (bag / f"drive_{number}.mcap").write_bytes(data if number == 9 else data[:-8])
    with pytest.raises(PairError, match=f"`bifuse repair {bag}`"):
        BagPairs(bag)
    information = yaml.safe_load((tmp_path / "drive_9" / "metadata.yaml").read_text())
    information["rosbag2_bagfile_information"]["custom_data"] = noted({"weights": ["abc"]})
    (bag / "metadata.yaml").write_text(yaml.safe_dump(information))
    with caplog.at_level(logging.WARNING):
        pairs = BagPairs(bag)
        assert len(list(pairs)) == 2
        assert pairs[1].name
    (warning,) = caplog.messages
    assert f"{bag / 'drive_10.mcap'}: has no end" in warning
    assert f"`bifuse repair {bag}`" in warning
    assert main(["repair", str(bag)]) == 0
    out = tmp_path / "drive_repaired"
    assert [pair.rgb.tobytes() for pair in BagPairs(out)] == [
        picture(number, 3).tobytes() for number in range(COUNT)
    ]
    assert bag_notes(out) == {"weights": ["abc"]}
    assert len(caplog.messages) == 1


def test_what_needs_no_repair_or_cannot_have_one_is_refused(
    tmp_path: Path, recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(bag: Path, *arguments: str) -> str:
        assert main(["repair", str(bag), *arguments]) == 2
        return capsys.readouterr().err

    assert "there is nothing to repair" in refused(recorded)
    assert "not a bag" in refused(tmp_path)
    sqlite = write_bag(tmp_path / "old", messages()[:2], sqlite=True)
    assert "only bags in MCAP" in refused(sqlite)
    bag = broken(recorded, tmp_path, data_of(recorded)[:-8])
    assert "is not overwritten" in refused(bag, "--out", str(sqlite))
    empty = broken(tmp_path / "empty", tmp_path, data_of(recorded)[:100])
    assert "not one message in it is whole" in refused(empty)
    assert not (tmp_path / "empty_repaired").exists()
