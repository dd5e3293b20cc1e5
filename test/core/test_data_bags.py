# SPDX-License-Identifier: Apache-2.0
"""Bags as pairs: what was recorded comes back, paired as the live node pairs."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import picture_files
import pytest

pytest.importorskip("rosbags", reason="rosbags is not installed")

from bag_files import image, packed, write_bag  # noqa: E402

from bifuse_core.__main__ import main  # noqa: E402
from bifuse_core.data.bags import BagPairs  # noqa: E402
from bifuse_core.data.datasets import open_dataset  # noqa: E402
from bifuse_core.data.faults import PairError, PictureError  # noqa: E402
from bifuse_core.data.layouts.layout import Options  # noqa: E402
from bifuse_core.data.sources import open_pairs  # noqa: E402
from bifuse_core.streams.pairing import RGB, THERMAL, StreamPairing  # noqa: E402

PERIOD = 40_000_000
START = 1_700_000_000_000_000_000
COUNT = 5


def stamps(side: int) -> list[int]:
    """Return stamps of free-running cameras: the RGB camera is 3 ms late."""
    return [START + number * PERIOD + side * 3_000_000 for number in range(COUNT)]


def counts(number: int, dtype: Any) -> np.ndarray[Any, Any]:
    if dtype == np.float32:
        return picture_files.thermal(number, np.uint16).astype(np.float32) / 7
    return picture_files.thermal(number, dtype)


def recording(
    dtype: Any = np.uint16, encoding: str = "16UC1", **layout: Any
) -> list[tuple[str, Any]]:
    messages = []
    for number in range(COUNT):
        thermal = image(counts(number, dtype), encoding, stamps(THERMAL)[number], **layout)
        rgb = image(picture_files.rgb(number), "rgb8", stamps(RGB)[number])
        messages += [("/thermal/image_raw", thermal), ("/rgb/image_raw", rgb)]
    return messages


def assert_recorded(source: Any, dtype: Any = np.uint16) -> None:
    pairs = list(source)
    assert len(pairs) == len(source) == COUNT
    for number, pair in enumerate(pairs):
        assert pair.thermal.dtype == dtype
        np.testing.assert_array_equal(pair.thermal, counts(number, dtype))
        np.testing.assert_array_equal(pair.rgb, picture_files.rgb(number))
        assert pair.rgb.flags.writeable
        assert pair.name.endswith(f"/{number:06d}")


@pytest.mark.parametrize("sqlite", [False, True])
def test_the_folder_and_its_file_give_what_was_recorded(tmp_path: Path, sqlite: bool) -> None:
    bag = write_bag(tmp_path / "bag", recording(), sqlite=sqlite)
    (file,) = [f for f in bag.iterdir() if f.suffix in (".mcap", ".db3")]
    for path in (bag, file):
        source = open_pairs(path)
        for _ in range(2):
            assert_recorded(source)
        assert source.rate == pytest.approx(25)
    (bag / "metadata.yaml").unlink()  # as after a recording that broke off
    assert_recorded(open_pairs(bag))


@pytest.mark.parametrize(
    ("dtype", "encoding", "layout"),
    [
        (np.uint8, "mono8", {"padding": 3}),
        (np.uint16, "mono16", {"big_endian": True}),
        (np.uint16, "16UC1", {"padding": 1}),
        (np.float32, "32FC1", {"big_endian": True, "padding": 4}),
    ],
)
def test_thermal_encodings(tmp_path: Path, dtype: Any, encoding: str, layout: Any) -> None:
    bag = write_bag(tmp_path / "bag", recording(dtype, encoding, **layout))
    assert_recorded(open_pairs(bag), dtype)


def test_compressed_topics_are_taken_where_there_are_no_raw_ones(tmp_path: Path) -> None:
    messages = []
    for number in range(COUNT):
        thermal = cv2.imencode(".png", counts(number, np.uint16))[1].tobytes()
        rgb = cv2.imencode(".png", picture_files.rgb(number)[..., ::-1])[1].tobytes()
        for side, camera, data in ((THERMAL, "thermal", thermal), (RGB, "rgb", rgb)):
            message = packed(data, stamps(side)[number])
            messages.append((f"/{camera}/image_raw/compressed", message))
    assert_recorded(open_pairs(write_bag(tmp_path / "bag", messages)))


@pytest.mark.parametrize("topics", [("/boson/image", "front/left"), ("boson/image", "/front/left")])
def test_any_two_topics_with_or_without_slash(tmp_path: Path, topics: tuple[str, str]) -> None:
    names = {"/thermal/image_raw": "/boson/image", "/rgb/image_raw": "/front/left"}
    renamed = [(names[topic], message) for topic, message in recording()]
    bag = write_bag(tmp_path / "bag", renamed)
    assert_recorded(open_pairs(bag, topics=topics))
    with pytest.raises(PairError) as caught:
        open_pairs(bag)
    assert "no images on /thermal/image_raw" in str(caught.value)
    assert "topics of images: /boson/image, /front/left" in str(caught.value)


def test_pairs_are_those_of_the_live_pairing(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    messages, pushed = [], []
    for number in range(60):
        for side, camera in ((THERMAL, "thermal"), (RGB, "rgb")):
            if random.random() < 0.2:
                continue
            stamp = START + number * PERIOD + int(random.integers(-15_000_000, 15_000_000))
            picture = np.full((4, 4) if side == THERMAL else (4, 4, 3), number, np.uint8)
            message = image(picture, ("mono8", "rgb8")[side], stamp)
            messages.append((f"/{camera}/image_raw", message))
            pushed.append((side, stamp, number))
    pairing = StreamPairing[int](20_000_000)
    expected = [(p.thermal, p.rgb) for push in pushed for p in pairing.push(*push)]
    expected += [(p.thermal, p.rgb) for p in pairing.flush()]
    assert 20 < len(expected) < 60
    source = BagPairs(write_bag(tmp_path / "bag", messages))
    assert [(p.thermal[0, 0], p.rgb[0, 0, 0]) for p in source] == expected


@pytest.mark.parametrize("count", [1, 2, 9])
def test_no_pair_is_left_waiting_at_the_end(tmp_path: Path, count: int) -> None:
    messages = []
    for stamp in range(START, START + count * PERIOD, PERIOD):
        messages.append(("/thermal/image_raw", image(counts(0, np.uint8), "mono8", stamp)))
        # Far enough apart to wait whether a nearer partner comes, as long as one may.
        messages.append(("/rgb/image_raw", image(picture_files.rgb(), "rgb8", stamp + 18_000_000)))
    assert len(open_pairs(write_bag(tmp_path / "bag", messages))) == count


def test_a_bag_is_a_data_set_that_workers_can_be_sent(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag", recording())
    dataset = pickle.loads(pickle.dumps(open_dataset(bag)))
    for number in (3, 0, 4):
        sample = dataset[number]
        np.testing.assert_array_equal(sample.thermal, counts(number, np.uint16))
        assert sample.boxes is None
    topics = Options(topics=("x", "y"))
    with pytest.raises(PairError, match="no images on /x"):
        open_dataset(bag, options=topics)


def test_a_malformed_image_is_named_with_topic_and_stamp(tmp_path: Path) -> None:
    messages = recording()
    messages[4][1].step = 3
    messages[9] = ("/rgb/image_raw", image(picture_files.rgb()[:-2], "rgb8", stamps(RGB)[4]))
    bag = write_bag(tmp_path / "bag", messages)
    dataset = open_dataset(bag)
    with pytest.raises(PictureError, match=rf"/thermal/image_raw at {stamps(0)[2]} ns: step is 3"):
        dataset[2]
    with pytest.raises(PictureError, match="thermal is 32x24 but RGB is 32x22 in pair 4"):
        dataset[4]
    assert main(["check", str(bag), "--strict"]) == 1
    with pytest.raises(PictureError, match="step is 3"):
        list(open_pairs(bag))


def test_images_too_far_apart_make_no_pairs(tmp_path: Path) -> None:
    messages = recording()
    for topic, message in messages:
        message.header.stamp.sec += 10 * (topic == "/rgb/image_raw")
    with pytest.raises(PairError, match="were taken within 20 ms of each other"):
        open_pairs(write_bag(tmp_path / "bag", messages))


@pytest.mark.parametrize("sqlite", [False, True])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.7])
def test_a_cut_off_bag_is_named(tmp_path: Path, share: float, sqlite: bool) -> None:
    bag = write_bag(tmp_path / "bag", recording(), sqlite=sqlite)
    (file,) = [f for f in bag.iterdir() if f.suffix in (".mcap", ".db3")]
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * share)])
    for path in (bag, file):
        with pytest.raises(PairError, match="bag"):
            list(open_pairs(path))


@pytest.mark.parametrize("sqlite", [False, True])
def test_whatever_bytes_are_damaged_is_named_or_does_not_matter(
    tmp_path: Path, sqlite: bool, random: np.random.Generator
) -> None:
    bag = write_bag(tmp_path / "bag", recording(), sqlite=sqlite)
    (file,) = [f for f in bag.iterdir() if f.suffix in (".mcap", ".db3")]
    data = file.read_bytes()
    named = 0
    for _ in range(30):
        spoilt = bytearray(data)
        for place in random.integers(len(data), size=20):
            spoilt[place] ^= 0x55
        file.write_bytes(spoilt)
        try:
            assert len(list(open_pairs(file))) <= COUNT
        except PairError as error:
            assert str(file) in str(error)
            named += 1
    assert named > 0


def test_a_folder_that_is_no_bag(tmp_path: Path) -> None:
    with pytest.raises(PairError, match="needs the folders ir/ and vi/"):
        open_pairs(tmp_path)


def test_fusing_and_training_on_a_bag(tmp_path: Path) -> None:
    bag, out = write_bag(tmp_path / "bag", recording()), tmp_path / "out"
    assert main(["fuse", str(bag), "--out", str(out), "--device", "cpu"]) == 0
    assert len(list(out.rglob("*.png"))) == COUNT
    config = tmp_path / "run.yaml"
    config.write_text(
        "network: edge\ndata: {sources: [{path: bag}], crop: 48, batch: 1, validation_every: 0}\n"
        "warm_start: 1\n"
    )
    arguments = ["train", str(config), "--data", str(tmp_path), "--out", str(tmp_path / "run")]
    assert main(arguments) == 0
    assert (tmp_path / "run" / "edge.safetensors").is_file()
