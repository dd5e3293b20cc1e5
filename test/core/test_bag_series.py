# SPDX-License-Identifier: Apache-2.0
"""Files of one recording beside each other: which of them are one bag, are read, are repaired."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import numpy as np
import pytest
import yaml

pytest.importorskip("rosbags", reason="rosbags is not installed")

from bag_files import image, write_bag  # noqa: E402

from bifuse_core.data.bag_reader import is_bag  # noqa: E402
from bifuse_core.data.bag_repair import repair  # noqa: E402
from bifuse_core.data.bags import BagPairs  # noqa: E402
from bifuse_core.data.faults import PairError  # noqa: E402
from bifuse_core.data.sources import open_pairs  # noqa: E402

PERIOD = 40_000_000
PAIRS = 3


def data_of(first: int, folder: Path) -> bytes:
    """Return a whole file of MCAP, of pairs from a number on."""
    messages = []
    for number in range(first, first + PAIRS):
        grey = np.full((8, 12), number, np.uint8)
        stamp = (number + 1) * PERIOD
        messages += [
            ("/thermal/image_raw", image(grey, "mono8", stamp)),
            ("/rgb/image_raw", image(np.stack([grey] * 3, axis=-1), "rgb8", stamp)),
        ]
    write_bag(folder / f"of_{first}", messages)
    return (folder / f"of_{first}" / f"of_{first}.mcap").read_bytes()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Two files, one after the other."""
    folder = tmp_path_factory.mktemp("whole")
    return [data_of(first, folder) for first in (0, PAIRS)]


def folder_of(path: Path, files: dict[str, bytes], *, named: list[str] | None = None) -> Path:
    """Write files into a folder, with metadata that name some; None: without."""
    path.mkdir()
    for name, data in files.items():
        (path / name).write_bytes(data)
    if named is not None:
        (path / "metadata.yaml").write_text(yaml.safe_dump(metadata(named)))
    return path


def metadata(named: list[str]) -> dict[str, object]:
    topics = [
        {
            "topic_metadata": {
                "name": f"/{camera}/image_raw",
                "type": "sensor_msgs/msg/Image",
                "serialization_format": "cdr",
                "offered_qos_profiles": "",
            },
            "message_count": PAIRS * len(named),
        }
        for camera in ("thermal", "rgb")
    ]
    information = {
        "version": 8,
        "storage_identifier": "mcap",
        "relative_file_paths": named,
        "starting_time": {"nanoseconds_since_epoch": 0},
        "duration": {"nanoseconds": 2 * PAIRS * PERIOD},
        "message_count": 2 * PAIRS * len(named),
        "topics_with_message_count": topics,
        "compression_format": "",
        "compression_mode": "",
    }
    return {"rosbag2_bagfile_information": information}


def numbers(bag: Path) -> list[int]:
    return [int(pair.thermal[0, 0]) for pair in BagPairs(bag)]


@pytest.mark.parametrize(
    "names", [("d1", "d2"), ("a_1", "b_2"), ("a_0", "b"), ("2026_0930", "2026_1015")]
)
def test_independent_recordings_in_a_folder_are_no_bag(
    tmp_path: Path, whole: list[bytes], names: tuple[str, str]
) -> None:
    first, second = (f"{name}.mcap" for name in names)
    drives = folder_of(tmp_path / "drives", {first: whole[0], second: whole[1][:-8]})
    assert not is_bag(drives)
    for opened in (open_pairs, BagPairs, lambda path: repair(path, tmp_path / "out")):
        with pytest.raises(PairError, match=f"several recordings.*name one.*{drives}/"):
            opened(drives)
    assert repair(drives / second, tmp_path / "out").messages == 2 * PAIRS
    assert numbers(tmp_path / "out") == [3, 4, 5]


def test_a_series_without_metadata_is_one_bag(tmp_path: Path, whole: list[bytes]) -> None:
    files = {"drive_9.mcap": whole[0], "drive_10.mcap": whole[1][:-8]}
    repair(folder_of(tmp_path / "drive", files), tmp_path / "out")
    assert numbers(tmp_path / "out") == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("end", [None, -8])
def test_what_metadata_do_not_name_is_told_and_repaired(
    tmp_path: Path, whole: list[bytes], end: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    files = {"drive_0.mcap": whole[0], "drive_1.mcap": whole[1][:end]}
    bag = folder_of(tmp_path / "drive", files, named=["drive_0.mcap"])
    with caplog.at_level(logging.WARNING):
        assert numbers(bag) == [0, 1, 2]
    (warning,) = caplog.messages
    assert warning.startswith(f"{bag / 'drive_1.mcap'}: ") and f"`bifuse repair {bag}`" in warning
    assert ("is not in metadata.yaml" in warning) == (end is None)
    repair(bag, tmp_path / "out")
    assert numbers(tmp_path / "out") == [0, 1, 2, 3, 4, 5]


def test_a_first_file_that_metadata_do_not_name_yet_is_repaired(
    tmp_path: Path, whole: list[bytes]
) -> None:
    bag = folder_of(tmp_path / "drive", {"drive_0.mcap": whole[0]}, named=[])
    with pytest.raises(PairError, match=f"`bifuse repair {bag}`"):
        BagPairs(bag)
    repair(bag, tmp_path / "out")
    assert numbers(tmp_path / "out") == [0, 1, 2]


def test_metadata_that_a_cut_power_supply_took_do_not_hinder_a_repair(
    tmp_path: Path, whole: list[bytes]
) -> None:
    bag = folder_of(tmp_path / "drive", {"drive_0.mcap": whole[0], "drive_1.mcap": whole[1]})
    (bag / "metadata.yaml").write_bytes(b"")
    repair(bag, tmp_path / "out")
    assert numbers(tmp_path / "out") == [0, 1, 2, 3, 4, 5]


def test_a_foreign_file_is_not_merged(tmp_path: Path, whole: list[bytes]) -> None:
    files = {"drive.mcap": whole[0], "other.mcap": whole[1][:-8]}
    bag = folder_of(tmp_path / "drive", files, named=["drive.mcap"])
    assert numbers(bag) == [0, 1, 2]
    with pytest.raises(PairError, match=r"does not name other\.mcap.*name one file"):
        repair(bag, tmp_path / "out")


def test_a_file_that_metadata_name_but_lacks_its_end_is_told_with_the_remedy(
    tmp_path: Path, whole: list[bytes]
) -> None:
    files = {"drive_0.mcap": whole[0], "drive_1.mcap": whole[1][:-1000]}
    bag = folder_of(tmp_path / "drive", files, named=list(files))
    told = re.escape(f"{bag / 'drive_1.mcap'}: has no end, though metadata.yaml names it")
    with pytest.raises(PairError, match=f"{told}.*`bifuse repair {bag}`"):
        BagPairs(bag)
    assert repair(bag, tmp_path / "out").messages == 4 * PAIRS


@pytest.mark.parametrize("lost", [b"", b"\x89MC", bytes(4096)])
def test_a_file_that_a_cut_power_supply_left_unwritten_broke_off(
    tmp_path: Path, whole: list[bytes], lost: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    alone = folder_of(tmp_path / "alone", {"alone.mcap": lost})
    for bag in (alone, alone / "alone.mcap"):
        with pytest.raises(PairError, match=f"`bifuse repair {bag}`"):
            BagPairs(bag)
        with pytest.raises(PairError, match="not one message in it is whole"):
            repair(bag, tmp_path / "out")
    files = {"drive_0.mcap": whole[0], "drive_1.mcap": lost}
    bag = folder_of(tmp_path / "drive", files, named=["drive_0.mcap"])
    assert numbers(bag) == [0, 1, 2]
    assert f"{bag / 'drive_1.mcap'}: has no end" in caplog.text
    assert repair(bag, tmp_path / "out").messages == 2 * PAIRS
