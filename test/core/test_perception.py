# SPDX-License-Identifier: Apache-2.0
"""What the engine sees: boxes and masks where the coloured things of a picture are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from coloured_networks import NAMES, ColourDetector, ColourSegmenter, painted

from bifuse_core.data.classes import DETECTION_CLASSES
from bifuse_core.engine import detection, segmentation
from bifuse_core.engine.detection import DetectionSettings
from bifuse_core.engine.engine import Engine
from bifuse_core.engine.segmentation import SegmentationSettings
from bifuse_core.nets.checkpoint import CheckpointError, save_weights
from bifuse_core.nets.zoo import Trained, create_detector, create_fusion

SIZES = [(640, 480), (1280, 960), (320, 240), (1280, 400), (500, 700), (641, 483), (97, 61)]


@pytest.fixture
def detector(monkeypatch: pytest.MonkeyPatch) -> ColourDetector:
    net = ColourDetector()
    monkeypatch.setattr(detection, "load_detector", lambda *_: Trained(net, "d" * 64, NAMES))
    return net


@pytest.fixture
def segmenter(monkeypatch: pytest.MonkeyPatch) -> ColourSegmenter:
    net = ColourSegmenter()
    names = ("grey", *NAMES)
    monkeypatch.setattr(segmentation, "load_segmenter", lambda *_: Trained(net, "e" * 64, names))
    return net


@pytest.fixture
def engine(detector: ColourDetector, segmenter: ColourSegmenter) -> Engine:
    return Engine("max", detector="fcos_small", segmenter="segformer_b0", device="cpu")


def parts(width: int, height: int) -> dict[str, tuple[int, int, int, int]]:
    """Return two boxes at the same places of pictures of any size, pixels."""
    red = (width // 8, height // 3, width // 2, height * 4 // 5)
    return {"red": red, "blue": (width * 5 // 8, height // 10, width, height // 2)}


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_boxes_are_in_pixels_of_the_full_picture(
    engine: Engine, detector: ColourDetector, width: int, height: int
) -> None:
    boxes = parts(width, height)
    found = engine.detect(painted(width, height, **boxes))
    assert [NAMES[label] for label in found.labels] == ["red", "blue"]
    assert found.scores == pytest.approx([0.9, 0.6], abs=1e-3)
    assert (found.boxes.dtype, found.scores.dtype) == (np.float32, np.float32)
    # An edge may lie anywhere in a pixel of what the detector sees.
    pixel = max(1.0, width / 640, height / 480)
    for box, name in zip(found.boxes, NAMES, strict=True):
        assert np.abs(box - boxes[name]).max() <= 1.5 * pixel
    assert found.boxes.max() <= max(width, height)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_detector_sees_the_picture_fitted_into_its_own_size(
    engine: Engine, detector: ColourDetector, width: int, height: int
) -> None:
    engine.detect(painted(width, height))
    ((rows, columns),) = detector.seen
    assert rows <= 480
    assert columns <= 640
    # Padded to the next multiples of 32, and nearly filling one of its sides.
    assert (rows % 32, columns % 32) == (0, 0)
    assert rows == 480 or columns == 640
    engine.detection = DetectionSettings(width=320, height=240)
    engine.detect(painted(width, height))
    assert detector.seen[1][0] <= 256
    assert detector.seen[1][1] <= 320


def test_settings_are_exchanged_between_pictures(engine: Engine) -> None:
    picture = painted(640, 480, **parts(640, 480))
    engine.detection = replace(engine.detection, threshold=0.7)
    assert engine.detect(picture).labels.tolist() == [0]
    engine.detection = replace(engine.detection, threshold=0.95)
    assert engine.detect(picture).boxes.shape == (0, 4)
    engine.detection = DetectionSettings(classes=("blue",))
    assert engine.detect(picture).labels.tolist() == [1]


def test_classes_not_asked_for_take_no_places(engine: Engine) -> None:
    engine.detection = DetectionSettings(classes=("blue",), maximum=1)
    found = engine.detect(painted(640, 480, **parts(640, 480)))
    assert found.labels.tolist() == [1]
    engine.detection = DetectionSettings(maximum=1)
    assert engine.detect(painted(640, 480, **parts(640, 480))).labels.tolist() == [0]


def test_an_unknown_class_is_refused_with_the_choices(engine: Engine) -> None:
    before = engine.detection
    with pytest.raises(ValueError, match=r"detection\.classes: .*'green'; choose from red, blue"):
        engine.detection = DetectionSettings(classes=("blue", "green"))
    assert engine.detection is before


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_mask_has_the_size_of_the_picture_and_its_classes_in_place(
    engine: Engine, width: int, height: int
) -> None:
    boxes = parts(width, height)
    mask = engine.segment(painted(width, height, **boxes))
    assert (mask.shape, mask.dtype) == ((height, width), np.uint8)
    expected = np.zeros((height, width), np.uint8)
    inner = np.ones((height, width), bool)
    # Outlines are as coarse as what the segmenter sees, and its logits a quarter of that.
    margin = int(np.ceil(6 * max(1, (width * height / (320 * 256)) ** 0.5)))
    for number, name in enumerate(NAMES, 1):
        left, top, right, bottom = boxes[name]
        expected[top:bottom, left:right] = number
        inner[max(0, top - margin) : bottom + margin, max(0, left - margin) : right + margin] = 0
        inner[top + margin : bottom - margin, left + margin : right - margin] = 1
    assert inner.mean() > 0.3
    np.testing.assert_array_equal(mask[inner], expected[inner])
    assert np.mean(mask == expected) > 0.9


def test_the_size_that_the_segmenter_sees_can_be_chosen(
    engine: Engine, segmenter: ColourSegmenter
) -> None:
    engine.segment(painted(640, 480))
    engine.segmentation = SegmentationSettings(width=640, height=352)
    engine.segment(painted(640, 480))
    assert segmenter.seen == [(256, 320), (352, 640)]


@pytest.mark.parametrize(
    ("width", "height", "message"),
    [
        (300, 256, "segmentation.width is 300"),
        (320, 250, "segmentation.height is 250"),
        (-32, 32, "segmentation.width is -32"),
        (320, 0, "segmentation.height 0"),
    ],
)
def test_a_size_at_which_it_cannot_see_is_refused(width: int, height: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SegmentationSettings(width, height)


def test_calling_the_engine_fuses_and_sees(engine: Engine) -> None:
    rgb = painted(640, 480, **parts(640, 480))
    thermal = np.zeros((480, 640), np.uint8)
    seen = engine(thermal, rgb, 0)
    np.testing.assert_array_equal(seen.fused, engine.fuse(thermal, rgb, 0))
    objects = engine.detect(seen.fused)
    for part, expected in zip(seen[1:4], objects, strict=True):
        np.testing.assert_array_equal(part, expected)
    assert seen.mask is not None
    np.testing.assert_array_equal(seen.mask, engine.segment(seen.fused))


def test_nothing_is_computed_that_nobody_asks_for(
    engine: Engine, detector: ColourDetector, segmenter: ColourSegmenter
) -> None:
    picture = painted(640, 480, **parts(640, 480))
    assert engine.perceive(picture, boxes=False, mask=False)[1:] == (
        *(pytest.approx(np.zeros(shape)) for shape in ((0, 4), 0, 0)),
        None,
    )
    assert detector.seen == segmenter.seen == []
    assert len(engine.perceive(picture, mask=False).boxes) == 2
    assert (len(detector.seen), len(segmenter.seen)) == (1, 0)


def test_without_networks_it_only_fuses() -> None:
    engine = Engine("max", device="cpu")
    seen = engine.perceive(painted(64, 48))
    assert seen.boxes.shape == (0, 4)
    assert seen.mask is None
    with pytest.raises(ValueError, match="no detector"):
        engine.detect(painted(64, 48))
    with pytest.raises(ValueError, match="no segmenter"):
        engine.segment(painted(64, 48))


def test_the_facts_name_what_sees(engine: Engine) -> None:
    facts = engine.facts()
    assert (facts["detector"], facts["detector sha256"]) == ("fcos_small", "d" * 64)
    assert (facts["segmenter"], facts["segmenter sha256"]) == ("segformer_b0", "e" * 64)


@pytest.mark.parametrize(
    ("choice", "message"),
    [({"detector": "yolo"}, "'yolo'; choose from"), ({"segmenter": "unet"}, "'unet'; choose from")],
)
def test_unknown_networks_are_refused_with_the_choices(
    choice: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Engine("max", device="cpu", **choice)


@pytest.fixture
def weights(tmp_path: Path) -> tuple[Path, Path]:
    """Return random weights of `edge` and `fcos_small`."""
    fusion, small = tmp_path / "edge.safetensors", tmp_path / "fcos_small.safetensors"
    save_weights(fusion, "edge", create_fusion("edge"), {})
    torch.manual_seed(0)
    save_weights(small, "fcos_small", create_detector("fcos_small", 3), {}, DETECTION_CLASSES)
    return fusion, small


def test_all_weights_are_exchanged_or_none(weights: tuple[Path, Path], tmp_path: Path) -> None:
    fusion, small = weights
    engine = Engine(weights=fusion, detector="fcos_small", detector_weights=small, device="cpu")
    assert engine.detector
    before = engine.checksum, engine.detector.checksum
    other = tmp_path / "other.safetensors"
    fresh = save_weights(other, "edge", create_fusion("edge"), {})
    with pytest.raises(CheckpointError, match="edge"):
        engine.reload(other, fusion)  # weights of another network for the detector
    assert (engine.checksum, engine.detector.checksum) == before
    engine.reload(other, small)
    assert (engine.checksum, engine.detector.checksum) == (fresh, before[1])


def test_weights_of_other_classes_do_not_replace_those_that_are_looked_for(
    weights: tuple[Path, Path], tmp_path: Path
) -> None:
    fusion, small = weights
    engine = Engine(weights=fusion, detector="fcos_small", detector_weights=small, device="cpu")
    engine.detection = DetectionSettings(classes=("bicycle",))
    other = tmp_path / "cats.safetensors"
    save_weights(other, "fcos_small", create_detector("fcos_small", 1), {}, ("cat",))
    with pytest.raises(ValueError, match="'bicycle'; choose from cat"):
        engine.reload(fusion, other)
    assert engine.detector
    assert engine.detector.classes == DETECTION_CLASSES


def test_a_real_detector_sees_the_same_in_half_precision(weights: tuple[Path, Path]) -> None:
    picture = painted(320, 240, **parts(320, 240))
    found = []
    for precision in ("fp32", "bf16"):
        engine = Engine(
            "max", detector="fcos_small", detector_weights=weights[1], precision=precision
        )
        engine.detection = DetectionSettings(threshold=0.0, maximum=20)
        found.append(engine.detect(picture))
    assert len(found[0].boxes) == len(found[1].boxes) == 20
    assert found[0].scores == pytest.approx(found[1].scores, rel=0.05)
    assert ((found[0].boxes >= 0) & (found[0].boxes <= [320, 240, 320, 240])).all()
